"""The tree of exceptions: operating trouble, raised at the edge, carrying the decision it leads to.

Bad data is never here: a refused document or an unreadable row is a value, stored and shown. Our own
mistakes are assertions. What remains is trouble with the world around us, drawn on top so that one look shows
it all:

    TieoutError                    told to a person in one line, never with a traceback
    ├── SettingsError              the environment is wrong; every problem at once, by name
    ├── DatabaseError              Postgres cannot serve us
    │   ├── DatabaseUnreachable    nothing answers, or it refuses us
    │   │   └── DatabaseSlow       it answers, and ended a statement that took too long
    │   ├── DatabaseUnfit          it answers, but is too old, or its schema is not ours
    │   └── EmbeddedPostgresError  the Postgres that comes along cannot be started
    ├── Superseded                 our lease was taken over: stop this unit of work, write nothing
    ├── WorkFailed                 a run of a worker ended by our own mistake; drawn in `workers.work`
    ├── OverrideRefused            a person's word cannot be given; drawn in `store.overrides`
    ├── WorkbookTooLong            a statement is no workbook any more; drawn in `statements.xlsx_file`
    └── HubError                   a call to the hub failed; says what became of the request
        └── AnswerTooLarge         more than we take, a smaller page may fit; drawn in `hub.exchange`
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum


class TieoutError(Exception):
    """Trouble that a person is told in one line, with the remedy where there is one."""


class SettingsError(TieoutError):
    """The environment is wrong; `problems` names each variable and what would be right."""

    def __init__(self, problems: Sequence[str]) -> None:
        """Keep every problem: fixing them one by one, a start each, wastes a person's evening."""
        self.problems = tuple(problems)
        super().__init__("; ".join(self.problems))


class DatabaseError(TieoutError):
    """Postgres cannot serve us."""


class DatabaseUnreachable(DatabaseError):  # noqa: N818 - names what is the case, like its siblings
    """Nothing answers at the address, or it refuses the credentials."""


class DatabaseSlow(DatabaseUnreachable):
    """It answers, and ended a statement that took too long: it asks for too much, or much else goes on."""


class DatabaseUnfit(DatabaseError):  # noqa: N818 - names what is the case, like its siblings
    """A server answers but is too old, lacks a right that we need, or holds a schema that is not ours."""


class EmbeddedPostgresError(DatabaseError):
    """The Postgres that comes along cannot be started; the message says what to do."""


class Superseded(TieoutError):  # noqa: N818 - names what is the case, like its siblings
    """Another replica holds this unit of work now; whoever sees this stops and writes nothing."""


class Fate(StrEnum):
    """What became of a request: the only question that matters before a push may be repeated."""

    NOT_SENT = "not_sent"
    """No byte reached the hub, or it was turned away before any work: safe to send again."""
    REFUSED = "refused"
    """The hub itself answered that it did not do it, in one of its own error shapes."""
    UNCERTAIN = "uncertain"
    """Sent, and the outcome is unknown: never repeat what makes money documents."""


class HubFailure(StrEnum):
    """The kind of a failed call, as operators and metrics name it."""

    UNREACHABLE = "unreachable"
    UNAUTHORIZED = "unauthorized"
    THROTTLED = "throttled"
    NOT_FOUND = "not_found"
    REFUSED = "refused"
    TIMEOUT = "timeout"
    SERVER_ERROR = "server_error"
    UNREADABLE = "unreadable"


class HubError(TieoutError):
    """A call to the hub failed."""

    def __init__(
        self,
        message: str,
        *,
        failure: HubFailure,
        fate: Fate,
        http_status: int | None = None,
        retry_after_seconds: float | None = None,
        request_id: str | None = None,
    ) -> None:
        """Keep the facts that callers decide on beside the sentence that people read."""
        self.failure = failure
        self.fate = fate
        self.http_status = http_status
        self.retry_after_seconds = retry_after_seconds
        self.request_id = request_id
        super().__init__(message)

    @property
    def is_missing(self) -> bool:
        """Whether the hub itself says that it has no such thing."""
        return self.failure is HubFailure.NOT_FOUND and self.fate is Fate.REFUSED
