"""What an error says, whatever it is wrapped in: a bounded list of problems in the order of their telling.

Nobody documents the shape of a synced record's `errors`. Expect the platform's words (a QuickBooks fault, a
list of Xero validation errors) inside the provider's wrapper, as an object, a list, or JSON, XML or HTML
inside a string, often cut off or printed by some programming language (`wrapped`). The rules of
unwrapping:

- Siblings in a list are separate problems, told in order. Message and detail of one object are one problem.
- Inner words come before the wrapper's own: they are the platform's, and the platform decides.
- Keys that carry messages are known by name. Only when an object has none of them are its other strings
  read, since platforms echo the whole document back, and a customer called "Not Found Ltd" is not an error.
- Everything is cut to its bound before it is looked at. Nothing raises: what cannot be unwrapped is read as
  it stands.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice

from service.domain.causes.wrapped import (
    CODES_MAX,
    PROBLEM_MAX,
    Problem,
    distinct,
    embedded_json,
    inherit,
    plain,
    printed_fault,
    status_in,
    with_context,
    xml_faults,
)

__all__ = ["Problem", "problems"]

TEXT_MAX = 16_000
"""Characters of one string that are looked at: the first problem decides, and real faults are below 4,000."""
CHARACTERS_MAX = 2 * TEXT_MAX
"""Characters of one record that are looked at, in all its strings and in what they wrap: a real fault has
less even when it is wrapped three times over, and as many of the worst kind take a quarter of a second."""
DEPTH_MAX = 24
"""Levels of wrapping, lists included; QuickBooks takes four, a wrapper of a wrapper eight more."""
NODES_MAX = 2_000
"""Values visited: an answer to a batch of documents echoes some hundreds."""
PROBLEMS_MAX = 20
"""Problems kept: people act on the first."""

_MESSAGE_KEYS = (
    "message", "msg", "errormessage", "providermessage", "title", "error", "faultstring", "fault", "detail",
    "details", "errordetail", "errordescription", "validationmessage", "responsemessage", "statusmessage",
    "errormsg", "usermessage", "reason", "description", "summary",
)  # fmt: skip
"""Keys that carry words for people, without underscores, in the order in which they are told."""
_WEAK_KEYS = frozenset({"title", "reason", "description", "summary"})
"""Keys that documents have as well: they count beside another key of an error only."""
_ERROR_KEY = re.compile("error|message|fault|validation|detail|problem")
"""A key whose list of strings is a list of messages."""
_CODE_KEYS = frozenset({"code", "errorcode", "errornumber", "number"})
_STATUS_KEYS = frozenset({"status", "statuscode", "httpstatus", "httpstatuscode", "httpcode", "responsecode"})
_LABEL_KEYS = frozenset({"type", "errortype", *_CODE_KEYS})
"""Keys whose words are names for machines, CREDENTIAL_REFRESH_FAILED: read last."""
_PATH_KEYS = frozenset({"loc", "field", "element", "path", "property"})
_DULL_KEYS = frozenset({"warnings", "warning", "stack", "stacktrace", "trace"})


def problems(errors: object) -> tuple[Problem, ...]:
    """Unwrap any value into its problems; empty when it says nothing."""
    found = _read(errors, named_only=True) or _read(errors, named_only=False)
    return tuple(replace(problem, text=problem.text[:PROBLEM_MAX]) for problem in found)


def _read(errors: object, *, named_only: bool) -> Sequence[Problem]:
    return tuple(islice(_Walk(named_only=named_only).value(errors, 0), PROBLEMS_MAX))


@dataclass(slots=True)
class _Told:
    """What an object tells by itself, gathered key by key."""

    words: list[tuple[int, str]] = field(default_factory=list)
    codes: list[str] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)
    status: int | None = None
    path: str = ""
    is_error: bool = False
    """Whether a key was met that only errors have."""

    def problem(self) -> Problem:
        """Its words as one problem, message before detail."""
        ranked = sorted(self.words, key=lambda pair: pair[0])
        is_error = self.is_error or self.codes or self.status
        text = ": ".join(distinct([words for _, words in ranked])) if is_error else ""
        text = f"{self.path}: {text}" if self.path and text else text
        return Problem(text, tuple(distinct(self.codes))[:CODES_MAX], self.status)


class _Walk:
    """One bounded pass over a value; `named_only` reads only the keys that are known to carry messages."""

    def __init__(self, *, named_only: bool) -> None:
        self.named_only = named_only
        self.nodes_left = NODES_MAX
        self.characters_left = CHARACTERS_MAX

    def value(self, value: object, depth: int, *, is_named: bool = True) -> Iterator[Problem]:
        """Yield the problems of a value of any type."""
        self.nodes_left -= 1
        if self.nodes_left < 0 or depth > DEPTH_MAX:
            return
        match value:
            case str():
                if is_named:
                    yield from self._string(value, depth)
            case bytes() | bytearray():
                yield from self._string(value[:TEXT_MAX].decode("utf-8", "replace"), depth)
            case Mapping():
                yield from self._mapping(value, depth)
            case Sequence() | set() | frozenset():
                for item in value:
                    if self.nodes_left <= 0:
                        return
                    yield from self.value(item, depth + 1, is_named=is_named)
            case _:
                return

    def _string(self, value: str, depth: int) -> Iterator[Problem]:
        """Read a string: JSON or a fault within it first, then the words around them."""
        text = self._taken(value)
        embedded = embedded_json(text)
        found: list[Problem] = []
        context = ""
        if embedded:
            found = list(self.value(embedded[1], depth + 1))
            context = f"{embedded[0]} {embedded[2]}"
        elif faults := xml_faults(text):
            found, context = faults, text[: text.find("<")]
        elif printed := printed_fault(text):
            found, context = [printed], text
        if found:
            yield from with_context(found, context)
        elif whole := plain(text):
            yield whole

    def _taken(self, value: str) -> str:
        """As much of a string as may still be looked at."""
        text = value[: min(TEXT_MAX, self.characters_left)]
        self.characters_left -= len(text)
        return text

    def _mapping(self, value: Mapping[object, object], depth: int) -> Iterator[Problem]:
        """Read an object: what is nested in it first, then its own words, then its labels."""
        told = _Told()
        nested: list[Problem] = []
        for key, item in value.items():
            self.nodes_left -= 1
            if self.nodes_left <= 0:
                break
            name = str(key)[:100].lower().replace("_", "").replace("-", "")
            if name in _DULL_KEYS:
                continue
            _note(told, name, item)
            if isinstance(item, str):
                nested += self._words(told, name, str(key), item, depth)
            elif name not in _PATH_KEYS:
                nested += self._nested(str(key), name, item, depth)
        own = told.problem()
        yield from (inherit(problem, own) for problem in nested)
        if own.text or ((own.codes or own.http_status) and not nested):
            yield inherit(own, Problem("", (), status_in(own.text)))
        if told.labels and (own.text or own.codes or nested or not self.named_only):
            yield Problem(" ".join(told.labels), own.codes, own.http_status)

    def _nested(self, key: str, name: str, item: object, depth: int) -> Sequence[Problem]:
        """Read what hangs under a key; a list of messages under a field's name is about that field."""
        if self.named_only:
            return tuple(self.value(item, depth + 1, is_named=bool(_ERROR_KEY.search(name))))
        found = tuple(self.value(item, depth + 1))
        if (
            isinstance(item, list | tuple)
            and item
            and all(isinstance(words, str) for words in item[:NODES_MAX])
        ):
            return tuple(Problem(f"{key[:100]}: {one.text}", one.codes, one.http_status) for one in found)
        return found

    def _words(self, told: _Told, name: str, key: str, item: str, depth: int) -> Sequence[Problem]:
        """Take the words of one string; a string that wraps a fault is unwrapped into problems of its own."""
        if name not in _MESSAGE_KEYS:
            if not self.named_only and name not in _LABEL_KEYS and name not in _STATUS_KEYS:
                told.words.append((len(_MESSAGE_KEYS), f"{key[:100]}: {self._taken(item)}"))
                told.is_error = True
            return ()
        told.is_error = told.is_error or not self.named_only or name not in _WEAK_KEYS
        inner = list(self._string(item, depth + 1)) if depth < DEPTH_MAX else []
        if len(inner) > 1:
            return inner
        if inner:
            told.words.append((_MESSAGE_KEYS.index(name), inner[0].text))
            told.codes += inner[0].codes
            told.status = told.status or inner[0].http_status
        return ()


def _note(told: _Told, name: str, item: object) -> None:
    """Keep what a key tells beside words: a code, a status, a label, the field it is about."""
    if isinstance(item, bool) or not isinstance(item, str | int | list | tuple):
        return
    word = "" if isinstance(item, list | tuple) else str(item)[:60].strip()
    if name in _CODE_KEYS and word:
        told.codes.append(word.lstrip("0") or word)
    if name in _STATUS_KEYS and re.fullmatch(r"[45]\d\d", word):
        told.status = int(word)
    if name in _LABEL_KEYS and any(character.isalpha() for character in word):
        told.labels.append(word)
    if name in _PATH_KEYS and name != "element":
        parts = item if isinstance(item, list | tuple) else [word]
        told.path = ".".join(
            str(part)[:40] for part in parts[:5] if isinstance(part, str) and part not in {"", "body"}
        )
