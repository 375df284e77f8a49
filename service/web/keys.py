"""Keys: made here, shown once, and known afterwards by their digest only.

A key carries 256 random bits, so its SHA-256 digest tells nobody anything and needs no salt. Keys of the
environment are held to the same comparison, in constant time; whoever chose a short one is warned by
`tieout check`.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID, uuid4

from service.settings import KEY_CHARACTERS_MAX, KEY_CHARACTERS_MIN, ApiKey, Role
from service.store.access import Grant, count_api_keys, insert_api_key, insert_login_code
from service.store.database import Database

PREFIX = "tieout_"
"""So that scanners of repositories and logs recognise one that was left lying about."""

KEY_BYTES = 32
_MADE = re.compile(rf"{PREFIX}[A-Za-z0-9_-]{{43}}")
"""What `new_key` makes: 32 bytes in base64."""

_CODE = re.compile(r"[A-Za-z0-9_-]{43}")
"""What `make_login_code` makes."""

FIRST_KEY_NAME = "first"
LOGIN_CODE_NAME = "login-link"
LOGIN_CODE_MINUTES_MAX = 60


def digest_of(key: str) -> bytes:
    """What of a key is stored and compared."""
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).digest()


def new_key() -> str:
    """Make a key; it is shown to its owner once and never again."""
    return PREFIX + secrets.token_urlsafe(KEY_BYTES)


def is_made(key: str) -> bool:
    """Whether a key has the form of those that we make, which nobody can guess."""
    return _MADE.fullmatch(key) is not None


def is_code(code: str) -> bool:
    """Whether a login code has the form of those that we make, which nobody can guess either."""
    return _CODE.fullmatch(code) is not None


def is_long(key: str) -> bool:
    """Whether a key has the length that we ask of chosen ones: guesses at such are lost, however many."""
    return KEY_CHARACTERS_MIN <= len(key) <= KEY_CHARACTERS_MAX


class EnvironmentKeys:
    """The keys that the settings name, as digests."""

    def __init__(self, keys: Sequence[ApiKey]) -> None:
        self._grants_by_digest = {
            digest_of(key.key.reveal()): Grant(
                name=key.name, role=key.role.value, organization_id=key.organization_id
            )
            for key in keys
        }

    def find(self, digest: bytes) -> Grant | None:
        """Compare with each in constant time, whether or not one has fitted already."""
        found = None
        for known, grant in self._grants_by_digest.items():
            if hmac.compare_digest(known, digest):
                found = grant
        return found


async def create_key(
    database: Database, *, name: str, role: Role, organization_id: UUID | None = None
) -> str | None:
    """Make and store a key, and return it this once; None when a live one bears the name."""
    key = new_key()
    grant = Grant(name=name, role=role.value, organization_id=organization_id)
    async with database.fleet() as connection:
        is_stored = await insert_api_key(connection, uuid4(), grant, digest_of(key))
    return key if is_stored else None


async def ensure_first_key(database: Database) -> str | None:
    """Make one operator key where no key exists at all; call it when the settings name none.

    Returned once, to be shown to whoever started the service. Of several replicas that start at once one
    makes it; the others find it made.
    """
    async with database.fleet(readonly=True) as connection:
        if await count_api_keys(connection):
            return None
    return await create_key(database, name=FIRST_KEY_NAME, role=Role.OPERATOR)


async def make_login_code(database: Database, role: Role, minutes: int) -> str:
    """Make the code of a link (`/login?once=CODE`) that opens one session within some minutes."""
    assert 0 < minutes <= LOGIN_CODE_MINUTES_MAX, "a link that works for long is a key"
    code = secrets.token_urlsafe(KEY_BYTES)
    grant = Grant(name=LOGIN_CODE_NAME, role=role.value, organization_id=None)
    async with database.fleet() as connection:
        await insert_login_code(connection, digest_of(code), grant, timedelta(minutes=minutes))
    return code
