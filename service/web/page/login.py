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

_OWN_PATH = re.compile(r"/(?!/)[A-Za-z0-9/_.-]{0,500}")

ONCE = Parameter("once", str, "A code that opens one session.")
NEXT = Parameter("next", str, "The page to go to afterwards.")


async def show(asked: Asked) -> Response:
    """Answer with the form; a code opens a session at once."""
    code = asked.query["once"]
    if code is None or asked.request.method == "HEAD":
        return _form(asked, _target(asked.query["next"]))
    grant = await asked.service.authenticator.take_code(asked.request, code)
    if grant is None:
        refusal = "This link has been used already, or it is too old. Sign in with a key."
        return _form(asked, "/", error=refusal, status=401)
    # Sent on by the page itself: a browser that came from elsewhere sends no cookie along a redirect.
    answer = render("welcome.html", asked, now=None)
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


def _form(asked: Asked, target: str, *, error: str | None = None, status: int = 200) -> Response:
    return render("login.html", asked, now=None, target=target, error=error, status=status)


def _target(path: str | None) -> str:
    """Give a path of ours to go to; anything else could lead away from here."""
    return path if path and _OWN_PATH.fullmatch(path) else "/"


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
