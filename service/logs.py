"""Logs: one JSON line an event, or one readable line where a person watches a terminal.

- Events are named `noun_verb` (`push_sent`, `organization_polled`); facts are keys beside the name. Context
  is bound once, at the start of a unit of work, by `structlog.contextvars.bound_contextvars`.
- One event is one line: line breaks and control characters of upstream texts are escaped, so nobody can
  forge an entry or drive a terminal. Texts are cut at a named length.
- Secrets are masked twice: by the name of their key, and by value, wherever a known secret stands inside a
  text. `Masker` knows them from the settings, and is told of those that come later (tokens, webhook
  secrets).
- What libraries log through the standard library takes the same way.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Iterable, Mapping
from typing import TextIO

import msgspec
import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

TEXT_CHARACTERS_MAX = 2_000
"""Longer texts are cut: an upstream error may hold ten megabytes, and the whole of it is in the database."""

ITEMS_MAX = 50
"""Entries of a list or mapping that are shown."""

DEPTH_MAX = 6

SECRET_CHARACTERS_MIN = 6
"""Shorter secrets are masked by key alone: their value would turn up inside innocent words."""

SECRETS_MAX = 1_000
"""Values that a masker remembers; tokens come and go, and the oldest have expired."""

MASK = "***"

_SECRET_KEY = re.compile(
    r"password|passwd|secret|token|authorization|api_?key|credential|cookie|signature|dsn|database_url",
    re.IGNORECASE,
)
# The C0 and C1 control characters, line and paragraph separators, and those that reverse the direction of
# text.
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_URL_PASSWORD = re.compile(r"(?<=://)([^/\s:@]*):[^/\s@]+(?=@)")


class Masker:
    """Takes secrets out of texts; every log line passes through it."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._secrets: dict[str, None] = {}
        self._pattern: re.Pattern[str] | None = None
        self.learn(*secrets)

    def learn(self, *secrets: str) -> None:
        """Mask these values from now on."""
        for secret in secrets:
            if len(secret) >= SECRET_CHARACTERS_MIN:
                self._secrets[secret] = None
        while len(self._secrets) > SECRETS_MAX:
            del self._secrets[next(iter(self._secrets))]
        # The longest first, lest a secret that begins another leave the rest of it in sight.
        ordered = sorted(self._secrets, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, ordered))) if ordered else None

    def clean(self, text: str) -> str:
        """The text as it may be shown: masked, cut, and in one line."""
        length = len(text)
        # Far more than is shown is looked at, so that no secret is cut in two by the first cut and shown by
        # the last.
        text = text[: 4 * TEXT_CHARACTERS_MAX] if length > 8 * TEXT_CHARACTERS_MAX else text
        if self._pattern is not None:
            text = self._pattern.sub(MASK, text)
        text = _URL_PASSWORD.sub(rf"\1:{MASK}", text)
        if len(text) > TEXT_CHARACTERS_MAX:
            # The end of a traceback says what happened.
            half = TEXT_CHARACTERS_MAX // 2
            text = f"{text[:half]}… ({length} characters) …{text[-half:]}"
        return _CONTROL.sub(_escape, text)

    def __call__(self, _logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        """Clean a whole event; a processor of structlog."""
        return {self.clean(str(key)): self._clean_value(str(key), value, 0) for key, value in event.items()}

    def _clean_value(self, key: str, value: object, depth: int) -> object:
        if value is None or isinstance(value, bool | int | float):
            return value
        if _SECRET_KEY.search(key) and key != "event":
            return MASK
        if isinstance(value, Mapping) and depth < DEPTH_MAX:
            shown = list(value.items())[:ITEMS_MAX]
            return {
                self.clean(str(name)): self._clean_value(str(name), each, depth + 1) for name, each in shown
            }
        if isinstance(value, list | tuple | set | frozenset) and depth < DEPTH_MAX:
            return [self._clean_value("", each, depth + 1) for each in list(value)[:ITEMS_MAX]]
        return self.clean(str(value))


def configure(masker: Masker, *, stream: TextIO | None = None, level: int = logging.INFO) -> None:
    """Set up logging for this process: JSON lines, or readable ones where `stream` is a terminal.

    `stream` is standard error unless given: standard output belongs to what commands print.
    """
    target = stream or sys.stderr
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        _without_colour,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(target)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                masker,
                _renderer(target),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    _route_libraries()


def get_logger(name: str) -> structlog.stdlib.BoundLogger:
    """The logger of a module, called as `logger.info("push_sent", record_id=…)`."""
    logger: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(name)
    return logger


def _without_colour(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Drop uvicorn's second wording of each line, which is for terminals."""
    event.pop("color_message", None)
    return event


def _route_libraries() -> None:
    """Have libraries log through us, and only what an operator can use."""
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logger = logging.getLogger(name)
        logger.handlers = []
        logger.propagate = True
    # A line per request or tick would drown the rest; ours say the same per unit of work.
    for name in ("httpx", "httpcore", "uvicorn.access", "apscheduler", "asyncio"):
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.captureWarnings(capture=True)


def _renderer(stream: TextIO) -> Processor:
    if stream.isatty():
        # Exceptions arrive as cleaned text already: no frames, whose local variables hold secrets.
        return structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    return _render_json


def _render_json(_logger: WrappedLogger, _method: str, event: EventDict) -> str:
    """Name and time first, so that a person who reads the raw lines finds them."""
    ordered = {key: event.pop(key) for key in ("at", "level", "event") if key in event} | dict(event)
    return msgspec.json.encode(ordered).decode()


def _escape(match: re.Match[str]) -> str:
    return match[0].encode("unicode_escape", "surrogatepass").decode()
