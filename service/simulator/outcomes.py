"""What a fault makes of a request that has reached the hub: refused, carried out twice, told wrongly.

Everything here is an answer; what breaks the connection, or keeps the request from being carried out, is the
gateway's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from service.simulator import distortion
from service.simulator.calls import Answer
from service.simulator.faults import Fault, FaultKind
from service.simulator.problems import refused, throttled

if TYPE_CHECKING:
    from collections.abc import Callable

    from service.simulator.limits import Limiter
    from service.simulator.organization import Organization
    from service.simulator.world import World


class Outcomes:
    """Answers of a world, as faults let them be."""

    def __init__(self, world: World, limiter: Limiter) -> None:
        self._world = world
        self._limiter = limiter

    def of(self, execute: Callable[..., Answer], fault: Fault | None, method: str) -> Answer:
        """Carry a request out, and do to it what the fault says."""
        if fault is None:
            return execute()
        refusal = self._refusal(fault)
        if refusal is not None:
            if fault.options.get("executed"):
                execute()
            return refusal
        match fault.kind:
            case FaultKind.EXECUTED_TWICE:
                answer = execute()
                execute(is_repeated=True)
                return answer
            case FaultKind.STALE if method == "GET" and fault.is_frozen(self._world.clock.now()):
                return execute(frozen=fault.frozen)
        return self._distorted(execute, fault)

    def _refusal(self, fault: Fault) -> Answer | None:
        """Return the answer of faults that refuse whatever is asked."""
        match fault.kind:
            case FaultKind.THROTTLE:
                seconds, shape = (
                    int(fault.options.get("retry_after", 1)),
                    self._world.behaviour.throttled_shape,
                )
                refusal = throttled(self._limiter.per_second, seconds, shape)
            case FaultKind.UNAUTHORIZED:
                refusal = refused(401, "Unauthorized")
            case FaultKind.EXPIRED_400:
                refusal = refused(400, "The token has been expired.")
            case FaultKind.ERROR_200:
                refusal = refused(200, "Internal Server Error")
            case FaultKind.SERVER_ERROR:
                refusal = refused(int(fault.options.get("status", 500)), "Internal Server Error")
            case _:
                return None
        return Answer(refusal.status, refusal.payload, refusal.headers)

    def _distorted(self, execute: Callable[..., Answer], fault: Fault) -> Answer:
        answer = execute()
        if answer.status // 100 != 2:  # noqa: PLR2004 - 2xx
            return answer
        if fault.kind is FaultKind.NULLS:
            answer.payload = distortion.nulls(answer.payload, self._world.chance)
        elif fault.kind is FaultKind.UNKNOWN_VALUES:
            answer.payload = distortion.unknown_values(answer.payload)
        elif fault.kind is FaultKind.LOOPING_PAGES:
            token = self._world.request_ids.uuid() if fault.options.get("fresh") else "bG9vcA=="
            answer.payload = distortion.looping(answer.payload, token)
        elif fault.kind in {FaultKind.MISSING_ROWS, FaultKind.EMPTY}:
            step = 1 if fault.kind is FaultKind.EMPTY else 2
            answer.payload = distortion.with_missing_rows(answer.payload, step)
        elif fault.kind is FaultKind.HUGE_TEXTS:
            answer.payload = distortion.with_huge_texts(answer.payload)
        elif fault.kind is FaultKind.FOREIGN_ROWS:
            foreign = execute(organization=self._another(fault))
            answer.payload = distortion.with_foreign_rows(answer.payload, foreign.payload)
        return answer

    def _another(self, fault: Fault) -> Organization:
        """Return the organization whose rows the fault mixes in: the one it names, else the newest."""
        organizations = self._world.organizations
        named = fault.options.get("from")
        return organizations[str(named)] if named else organizations[next(reversed(organizations))]
