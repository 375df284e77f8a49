"""Searching for organizations: by how their names begin, and by how their connections stand.

A field that a form leaves empty asks for nothing.
"""

from __future__ import annotations

from service.web.page import wording
from service.web.parameters import Parameter, one_of
from service.web.problems import Fault, malformed
from service.web.route import Asked

NAME_CHARACTERS_MAX = 100

STATUSES = ("connected", "pending_auth", "disconnected", "deauthorized", "none")
"""Where an organization may stand, in the words of the hub; `none` has no connection."""

CHOICES = tuple((status, wording.connection_name(status)) for status in STATUSES)
"""The same as the form offers them."""


def _beginning(text: str) -> str | None:
    told = text.strip()
    if len(told) > NAME_CHARACTERS_MAX or not told.isprintable():
        raise ValueError(f"must be the beginning of a name, of {NAME_CHARACTERS_MAX} characters at most")
    return told or None


def _status(text: str) -> str | None:
    return _ONE_STATUS.parse(text) if text else None


_ONE_STATUS = one_of("connection", STATUSES, "Only those whose connection stands so.")

NAME = Parameter("name", _beginning, "Only those whose name begins so, in whatever case.")
CONNECTION = Parameter("connection", _status, _ONE_STATUS.meaning, _ONE_STATUS.schema)


def require_now(asked: Asked) -> None:
    """Refuse to search in what was known once: names and connections are found as they are."""
    searched = [name for name in ("name", "connection") if asked.query[name] is not None]
    if asked.query["as_of"] is not None and searched:
        raise malformed(*(Fault(name=name, detail="goes without as_of") for name in searched))
