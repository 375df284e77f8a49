"""The runbook: what each alert and cause means and what to do, where the links in alerts lead.

It is the project's own `docs/runbook.md`, its headings named after kinds and causes; where it was not
installed along, the decision table says the same in fewer words.
"""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache
from itertools import pairwise
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token
from markupsafe import Markup
from starlette.responses import Response

from service.domain.causes.facts import decision_table
from service.errors import DatabaseError
from service.web.authentication import Caller
from service.web.page.rendering import render
from service.web.patience import within
from service.web.problems import Refused
from service.web.route import Asked

_SERVICE = Path(__file__).parents[2]
_PLACES = (_SERVICE / "docs" / "runbook.md", _SERVICE.parent / "docs" / "runbook.md")
"""Inside the package when it was installed, beside it in the repository."""


KNOWN_SECONDS = 3.0
"""Who asks decides about the navigation alone; nobody waits for longer to learn what to do."""


async def show(asked: Asked) -> Response:
    """Show the runbook to everybody: it holds no rows, and is wanted most while nobody can sign in."""
    asked = replace(asked, caller=await _caller(asked))
    text = _text()
    facts = sorted(decision_table().values(), key=lambda each: each.title)
    content = None if text is None else to_html(text)
    return render("runbook.html", asked, now=None, content=content, facts=facts)


async def _caller(asked: Asked) -> Caller | None:
    """Tell who is signed in; nobody, where that cannot be found out."""
    if not {"authorization", "cookie"} & set(asked.request.headers):
        return None
    try:
        return await within(KNOWN_SECONDS, asked.service.authenticator.identify(asked.request))
    except (Refused, DatabaseError, TimeoutError):
        return None


@cache
def _text() -> str | None:
    found = next((place for place in _PLACES if place.is_file()), None)
    return None if found is None else found.read_text(encoding="utf-8")


def to_html(text: str) -> Markup:
    """Render our own Markdown; HTML in it stays text, and each heading can be linked to."""
    reader = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens = reader.parse(text)
    for opening, inline in pairwise(tokens):
        if opening.type == "heading_open":
            opening.attrSet("id", anchor_of(inline))
    return Markup(reader.renderer.render(tokens, reader.options, {}))  # noqa: S704 - our own file, HTML in it escaped


def anchor_of(heading: Token) -> str:
    """Name a heading as links do: a kind or cause in backticks by itself, others by their words."""
    code = re.search(r"`([a-z_]+)`", heading.content)
    words = code[1] if code else heading.content
    return re.sub(r"[^a-z0-9_-]", "", words.lower().replace(" ", "-"))
