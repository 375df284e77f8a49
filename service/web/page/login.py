"""Signing in and out: a key, or a link that works once, becomes a session; nothing else opens the page."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from starlette.responses import RedirectResponse, Response

from service.web.authentication import COOKIE, SESSION_LIFETIME
from service.web.page.rendering import render
from service.web.parameters import Parameter
from service.web.problems import Refused
from service.web.route import Asked

_OWN_PAGE = re.compile(r"/(?!/)[A-Za-z0-9/_.-]{0,500}(\?[A-Za-z0-9/_.~%=&+:,@?*-]{0,1500})?")
"""A path of ours with the filters of its page, quoted as browsers send them."""

ONCE = Parameter("once", str, "A code that opens one session.")
NEXT = Parameter("next", str, "The page to go to afterwards.")


async def show(asked: Asked) -> Response:
    """Answer with the form; a code opens a session at once."""
    code, page = asked.query["once"], asked.query["next"]
    if code is None and page is not None and _comes_from_elsewhere(asked):
        return _sent_on(asked, _target(page), "One moment.", "Go on")
    if code is None or asked.request.method == "HEAD":
        return _form(asked, _target(page))
    grant = await asked.service.authenticator.take_code(asked.request, code)
    if grant is None:
        refusal = "This link has been used already, or it is too old. Sign in with a key."
        return _form(asked, "/", error=refusal, status=401)
    answer = _sent_on(asked, "/", "Signed in.", "Go to the overview")
    _set_cookie(asked, answer, await asked.service.authenticator.open_session(grant, None))
    return answer


async def sign_in(asked: Asked) -> Response:
    """Open a session for a key that was typed in."""
    require_same_site(asked)
    target = _target(asked.body.get("next"))
    key = asked.body.get("key", "").strip()
    try:
        grant = await asked.service.authenticator.check_key(asked.request, key)
    except Refused as refused:
        return _form(asked, target, error=refused.answer.detail, status=refused.answer.status)
    answer = RedirectResponse(target, 303)
    _set_cookie(asked, answer, await asked.service.authenticator.open_session(grant, key))
    return answer


async def sign_out(asked: Asked) -> Response:
    """End the session."""
    require_same_site(asked)
    if asked.who.session is not None:
        await asked.service.authenticator.close_session(asked.who.session)
    answer = RedirectResponse("/login", 303)
    answer.delete_cookie(COOKIE, path="/")
    return answer


def require_same_site(asked: Asked) -> None:
    """Refuse a form that another site had somebody's browser send."""
    if asked.request.headers.get("sec-fetch-site", "same-origin") not in {"same-origin", "none"}:
        raise Refused(403, "The form came from another site.")


def _comes_from_elsewhere(asked: Asked) -> bool:
    """Whether a link of another site led here: whoever it leads may well be signed in."""
    return asked.request.headers.get("sec-fetch-site") == "cross-site"


def _sent_on(asked: Asked, target: str, title: str, onward: str) -> Response:
    """Answer with a page that goes on by itself: who came from elsewhere sends no cookie along a redirect."""
    return render("welcome.html", asked, now=None, target=target, title=title, onward=onward)


def _form(asked: Asked, target: str, *, error: str | None = None, status: int = 200) -> Response:
    return render("login.html", asked, now=None, target=target, error=error, status=status)


def _target(path: str | None) -> str:
    """Give a page of ours to go to; anything else could lead away from here."""
    return path if path and _OWN_PAGE.fullmatch(path) else "/"


def _set_cookie(asked: Asked, answer: Response, token_: str) -> None:
    answer.set_cookie(
        COOKIE,
        token_,
        max_age=int(SESSION_LIFETIME.total_seconds()),
        path="/",
        secure=urlsplit(asked.service.settings.public_url).scheme == "https",
        httponly=True,
        samesite="strict",
    )
