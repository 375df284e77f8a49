"""Where code that is not ours may connect to, judged at the socket itself.

A library that resolves names by itself cannot be handed a judged address (`post.py` does that for our own).
What can be judged is the address that it dials, at the moment at which it does: Python tells an audit hook of
each. So neither a name that changes its mind nor a redirect leads anywhere else. The hook is set once, by the
first thread that needs it, and looks at the threads that asked for it alone.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from service.channels.address import parse, why_forbidden

_EVENTS: Final = frozenset({"socket.connect", "socket.sendto", "socket.sendmsg"})


@dataclass(slots=True)
class Watch:
    """What a thread may do, and what it was kept from."""

    allow_private: bool
    refused: str = ""


class _Watched(threading.local):
    """The watch of the thread that asks, if it has one."""

    watch: Watch | None = None


_watched: Final = _Watched()
_setting: Final = threading.Lock()
_is_set: list[bool] = []


@contextmanager
def guarded(*, allow_private: bool) -> Iterator[Watch]:
    """Let this thread connect only to what a channel may reach, while the block runs."""
    with _setting:
        if not _is_set:
            sys.addaudithook(_hear)
            _is_set.append(True)
    watch = _watched.watch = Watch(allow_private=allow_private)
    try:
        yield watch
    finally:
        _watched.watch = None


def _hear(event: str, arguments: tuple[Any, ...]) -> None:
    if event not in _EVENTS:
        return
    watch = _watched.watch
    if watch is None:
        return
    watch.refused = _why(arguments[1], allow_private=watch.allow_private) or watch.refused
    if watch.refused:
        raise PermissionError(f"not connected: points to {watch.refused}")


def _why(where: object, *, allow_private: bool) -> str:
    """What is wrong with connecting there; empty when nothing is."""
    if where is None:
        return ""  # sent on a socket that was connected, and judged, before
    if not isinstance(where, tuple):
        return "" if allow_private else "a socket of this machine"
    address = parse(str(where[0]))
    if address is None:
        return "a name, which would be resolved by nobody knows whom"
    return why_forbidden(address, allow_private=allow_private)
