"""Who asks: a bearer key of a program, or the session cookie of a person.

A key comes from the environment or from our table; a session was opened with one, or by a login link. Both
end in a `Caller`: a name for the paper trail, a role, and perhaps the one organization beyond which nothing
exists for it. A session dies with its key.
"""

from __future__ import annotations

import hmac
import re
import secrets
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from starlette.requests import Request

from service import metrics
from service.settings import KEY_CHARACTERS_MAX, ApiKey, Role
from service.store.access import (
    Grant,
    Session,
    delete_session,
    get_api_key,
    get_session,
    insert_session,
    take_login_code,
)
from service.store.database import Database
from service.web.guessing import GuessLimit
from service.web.keys import EnvironmentKeys, digest_of, is_code, is_long, is_made
from service.web.problems import Refused

COOKIE = "tieout_session"
SESSION_LIFETIME = timedelta(hours=12)
"""A working day; the page asks for the key again on the next."""

TOKEN_BYTES = 32
_BEARER = re.compile(r"bearer[ ]+(?P<key>\S+)[ ]*", re.IGNORECASE)

RANK = {Role.VIEWER: 0, Role.OPERATOR: 1, Role.APPROVER: 2}


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Whoever is behind a request."""

    name: str
    role: Role
    organization_id: UUID | None
    session: Session | None = None

    def has(self, role: Role) -> bool:
        """Whether the role is this one or above it."""
        return RANK[self.role] >= RANK[role]


def unauthenticated(detail: str) -> Refused:
    """Refuse a request that no valid key came with."""
    return Refused(401, detail, headers={"www-authenticate": 'Bearer realm="tieout"'})


class Authenticator:
    """Tells callers by their key or cookie."""

    def __init__(self, database: Database, keys: tuple[ApiKey, ...], limit: GuessLimit | None = None) -> None:
        self._database = database
        self._environment = EnvironmentKeys(keys)
        self._limit = limit or GuessLimit()

    async def identify(self, request: Request) -> Caller:
        """Tell the caller, or refuse: 401 without a valid key, 429 when too many were wrong."""
        headers = request.headers.getlist("authorization")
        if headers:
            match = _BEARER.fullmatch(headers[0]) if len(headers) == 1 else None
            if match is None:
                raise unauthenticated("The Authorization header cannot be read; send `Bearer KEY`.")
            return _caller(await self.check_key(request, match["key"]))
        cookie = request.cookies.get(COOKIE)
        session = await self._session(cookie) if cookie else None
        if session is None:
            metrics.REFUSED_KEYS.labels(outcome="missing").inc()
            raise unauthenticated("A key is needed; send `Authorization: Bearer KEY`.")
        return _caller(session.grant, session)

    async def check_key(self, request: Request, key: str) -> Grant:
        """Tell what a key entitles to, or refuse it."""
        source = request.client.host if request.client else ""
        digest = digest_of(key)
        wait_seconds = self._limit.wait_seconds(source, digest)
        grant = await self._find(key, digest, is_limited=wait_seconds > 0)
        if grant is None and wait_seconds:
            metrics.REFUSED_KEYS.labels(outcome="limited").inc()
            raise Refused(
                429,
                f"Too many wrong keys came from here; try again in {wait_seconds} seconds.",
                headers={"retry-after": str(wait_seconds)},
            )
        if grant is None:
            self._limit.was_wrong(source)
            metrics.REFUSED_KEYS.labels(outcome="wrong").inc()
            raise unauthenticated("The key is not valid; it may have been revoked.")
        self._limit.was_right(source, digest)
        return grant

    async def open_session(self, grant: Grant, key: str | None) -> str:
        """Open a page session, and return what its cookie holds."""
        token = secrets.token_urlsafe(TOKEN_BYTES)
        async with self._database.fleet() as connection:
            await insert_session(
                connection,
                digest=digest_of(token),
                key_digest=None if key is None else digest_of(key),
                grant=grant,
                csrf_token=secrets.token_urlsafe(TOKEN_BYTES),
                lifetime=SESSION_LIFETIME,
            )
        return token

    async def take_code(self, request: Request, code: str) -> Grant | None:
        """Use a login code up, and tell what it entitles to."""
        source = request.client.host if request.client else ""
        is_limited = self._limit.wait_seconds(source, b"") > 0
        if is_limited and not is_code(code):
            return None
        async with self._database.fleet() as connection:
            grant = await take_login_code(connection, digest_of(code))
        if grant is None and not is_limited:
            self._limit.was_wrong(source)
        return grant

    async def close_session(self, session: Session) -> None:
        """End a page session."""
        async with self._database.fleet() as connection:
            await delete_session(connection, session.digest)

    async def _session(self, cookie: str) -> Session | None:
        if len(cookie) > KEY_CHARACTERS_MAX:
            return None
        async with self._database.fleet(readonly=True) as connection:
            session = await get_session(connection, digest_of(cookie))
        if session is None or session.key_digest is None or session.is_key_live:
            return session
        return session if self._environment.find(session.key_digest) == session.grant else None

    async def _find(self, key: str, digest: bytes, *, is_limited: bool) -> Grant | None:
        """Look a key up; where too many were wrong only one that nobody guesses."""
        if len(key) > KEY_CHARACTERS_MAX or (is_limited and not is_long(key)):
            return None
        grant = self._environment.find(digest)
        if grant is not None or (is_limited and not is_made(key)):
            return grant
        async with self._database.fleet(readonly=True) as connection:
            return await get_api_key(connection, digest)


def require_csrf(caller: Caller, offered: str) -> None:
    """Refuse an action of a session whose form did not come from our own page."""
    assert caller.session is not None, "a key in a header is no cookie: nobody can send it unawares"
    if not hmac.compare_digest(caller.session.csrf_token.encode(), offered.encode("utf-8", "replace")):
        raise Refused(403, "The form is out of date or came from elsewhere; reload the page and try again.")


def _caller(grant: Grant, session: Session | None = None) -> Caller:
    return Caller(
        name=grant.name, role=Role(grant.role), organization_id=grant.organization_id, session=session
    )
