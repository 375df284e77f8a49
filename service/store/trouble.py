"""Trouble with Postgres, told apart: nobody answers, it is not fit for us, or a statement of ours is wrong.

Only the first two are translated, since only they have a remedy outside of this program. A connection that
is lost in mid-work counts as nobody answering; what was being committed at that moment is *unknown*, neither
done nor failed. asyncpg reports a lost connection in half a dozen ways, one of them an "internal" error.
"""

from __future__ import annotations

import asyncpg
from asyncpg import exceptions

from service.errors import DatabaseError, DatabaseSlow, DatabaseUnfit, DatabaseUnreachable

_LOST: tuple[type[BaseException], ...] = (
    asyncpg.PostgresConnectionError,
    asyncpg.InternalClientError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.CannotConnectNowError,
    asyncpg.IdleInTransactionSessionTimeoutError,
    exceptions.IdleSessionTimeoutError,
    ConnectionError,
    OSError,
    TimeoutError,
)

_BUSY: tuple[type[BaseException], ...] = (
    asyncpg.InsufficientResourcesError,  # too many connections, disk full, out of memory
    asyncpg.PostgresSystemError,
    asyncpg.ReadOnlySQLTransactionError,  # a fail-over left us at a standby
    asyncpg.QueryCanceledError,  # statement_timeout
    asyncpg.LockNotAvailableError,  # lock_timeout
)

_REFUSED: tuple[type[BaseException], ...] = (
    asyncpg.InvalidAuthorizationSpecificationError,  # and wrong password
    asyncpg.InvalidCatalogNameError,
)

_MISSPELT = exceptions.ClientConfigurationError
"""The driver makes no sense of the address."""


def is_connection_lost(error: BaseException) -> bool:
    """Whether the connection is gone, so that the outcome of what was under way is unknown."""
    if isinstance(error, asyncpg.InterfaceError):
        return "connection" in str(error) and ("closed" in str(error) or "released" in str(error))
    return isinstance(error, _LOST)


def translate(error: BaseException, place: str) -> DatabaseError | None:
    """Say what an exception of the driver means for us; None when it is our own mistake.

    `place` names the server without its password.
    """
    if "unsupported startup parameter" in str(error):
        return DatabaseUnfit(f"{place} is pgbouncer; add `?pgbouncer=true` to TIEOUT_DATABASE_URL")
    if isinstance(error, _MISSPELT) or "unrecognized configuration parameter" in str(error):
        return DatabaseUnfit(
            f"TIEOUT_DATABASE_URL cannot be used: {_line(error)}; look for a slip in its options"
        )
    if isinstance(error, _REFUSED):
        return DatabaseUnreachable(
            f"Postgres at {place} refuses us: {_line(error)}; check TIEOUT_DATABASE_URL"
        )
    if isinstance(error, _BUSY):
        kind = DatabaseSlow if isinstance(error, asyncpg.QueryCanceledError) else DatabaseUnreachable
        return kind(f"Postgres at {place} cannot serve us now: {_line(error)}")
    if isinstance(error, asyncpg.InvalidParameterValueError) and 'role "tieout_app"' in str(error):
        return DatabaseUnfit(f"Postgres at {place} lacks the role tieout_app; run `tieout migrate`")
    if isinstance(error, asyncpg.InsufficientPrivilegeError) and 'set role "tieout_app"' in str(error):
        return DatabaseUnfit(
            f"the user of Postgres at {place} is no member of tieout_app; run `tieout migrate` as this user, "
            "or let an administrator run `GRANT tieout_app TO` this user"
        )
    if is_connection_lost(error):
        return DatabaseUnreachable(
            f"Postgres at {place} does not answer: {_line(error)}; check that it runs and TIEOUT_DATABASE_URL"
        )
    return None


def _line(error: BaseException) -> str:
    """One line of an error, or its kind where it says nothing."""
    text = " ".join(str(error).split())
    return text or ("timed out" if isinstance(error, TimeoutError) else type(error).__name__)
