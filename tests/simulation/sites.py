"""Where a task waits: the chain of our own functions down to the wait, by file and line."""

from __future__ import annotations

import gc
import inspect
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

from tests.workers.dying import Mortal, When

Site = tuple[str, ...]
Place = tuple[Site, When]
Stops = Callable[[Mortal, When], bool]

_HUB = str(Path(__file__).parents[2] / "service" / "simulator") + "/"
_SERVICE = str(Path(__file__).parents[2] / "service") + "/"


def site_of(waiting: object) -> Site:
    """The functions of the service that a suspended coroutine is in, outermost first."""
    frames = [frame for frame in _frames(waiting) if frame.f_code.co_filename.startswith(_SERVICE)]
    while frames and frames[-1].f_code.co_filename.startswith(_HUB):
        frames.pop()
    return tuple(
        f"{frame.f_code.co_filename.removeprefix(_SERVICE)}:{frame.f_lineno} {frame.f_code.co_name}"
        for frame in frames
    )


def _frames(waiting: Any) -> Iterator[FrameType]:
    while waiting is not None:
        frame, waiting = _step(waiting)
        if frame is not None:
            yield frame


def _step(waiting: Any) -> tuple[FrameType | None, Any]:
    """The frame of what waits, and what that waits for."""
    if inspect.iscoroutine(waiting):
        return waiting.cr_frame, waiting.cr_await
    if inspect.isasyncgen(waiting):
        return waiting.ag_frame, waiting.ag_await
    if inspect.isgenerator(waiting):
        return waiting.gi_frame, waiting.gi_yieldfrom
    # What stands between (a step of an asynchronous generator, a coroutine's iterator) hides what it is of.
    within = (
        each for each in gc.get_referents(waiting) if inspect.iscoroutine(each) or inspect.isasyncgen(each)
    )
    return None, next(within, None)


class Reached:
    """Stops where nobody has been stopped before; remembers everywhere that was reached."""

    last: Place

    def __init__(self) -> None:
        self.reached: set[Place] = set()
        self.stopped: set[Place] = set()

    @property
    def missing(self) -> set[Place]:
        """Where somebody passed, and nobody has been stopped."""
        return self.reached - self.stopped

    def stops(self, wanted: Callable[[Site], bool] = bool) -> Stops:
        """Stop at the first new wait of those wanted, either before or after what is waited for."""
        return self.stops_unless(lambda place: place in self.stopped or not wanted(place[0]), wanted=wanted)

    def stops_unless(
        self,
        is_known: Callable[[Place], bool],
        noted: Callable[[], None] = lambda: None,
        *,
        wanted: Callable[[Site], bool] = bool,
    ) -> Stops:
        """Stop at the first wait that is not known, and note it."""

        def stop(mortal: Mortal, when: When) -> bool:
            site = site_of(mortal.waiting)
            if not site:
                return False
            place = (site, when)
            if wanted(site):
                self.reached.add(place)
            if is_known(place):
                return False
            self.last = place
            self.stopped.add(place)
            noted()
            return True

        return stop
