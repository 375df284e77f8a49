"""After the story: small things that happen to the fleet, until somebody has seen enough."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from typing import Final

from service.demo.beat import Telling, amount
from service.demo.cast import CITY_RATE
from service.demo.world import Organization, World

PAUSE_SECONDS: Final = (6.0, 14.0)
LOOK_SECONDS: Final = 0.5

Mend = Callable[[], str]
"""What ends a trouble, and how that is told."""

Happening = Callable[[World, Organization, random.Random], tuple[str, Mend | None]]


def go_on(telling: Telling) -> None:
    """Let things happen, and tell what reaches the alert channel, for ever."""
    chance = random.Random()  # noqa: S311 - a story, no secret
    telling.stage.receiver.news()
    while True:
        organization = chance.choice(telling.cast.all)
        happening = chance.choices(_HAPPENINGS, weights=_WEIGHTS)[0]
        told, mend = happening(telling.stage.world, organization, chance)
        telling.narrator.world(told)
        _pass(telling, chance)
        if mend is not None:
            _pass(telling, chance)
            telling.narrator.world(mend())


def _pass(telling: Telling, chance: random.Random) -> None:
    """Let some time go by, telling alerts as they come."""
    until = time.monotonic() + chance.uniform(*PAUSE_SECONDS)
    while time.monotonic() < until:
        for alert in telling.stage.receiver.news():
            telling.narrator.alert(alert["summary"])
        telling.stage.api.require_running()
        time.sleep(LOOK_SECONDS)


def _issue_invoice(world: World, at: Organization, chance: random.Random) -> tuple[str, None]:
    net = chance.randrange(2_000, 400_000)
    world.do("issue_invoice", organization_id=at.id, net_minor=net)
    return f"{at.name} issues an invoice of {amount(net, at.currency)} net.", None


def _issue_bill(world: World, at: Organization, chance: random.Random) -> tuple[str, None]:
    net = chance.randrange(2_000, 200_000)
    world.do("issue_bill", organization_id=at.id, net_minor=net)
    return f"{at.name} approves a bill of {amount(net, at.currency)} net.", None


def _fail_for_a_while(world: World, at: Organization, _: random.Random) -> tuple[str, None]:
    world.do("issue_invoice", organization_id=at.id, fails="platform_unavailable")
    return f"{at.name} issues an invoice while {at.books} is away; time will cure that.", None


def _enter_by_hand(world: World, at: Organization, chance: random.Random) -> tuple[str, None]:
    net = chance.randrange(2_000, 50_000)
    world.do("add_to_books", organization_id=at.id, net_minor=net)
    return f"Somebody enters {amount(net, at.currency)} net into the {at.books} of {at.name} by hand.", None


def _lose_tax_rate(world: World, at: Organization, _: random.Random) -> tuple[str, Mend]:
    world.do("remove_tax_rate", organization_id=at.id, rate=CITY_RATE)
    world.do("issue_invoice", organization_id=at.id, tax_rate=CITY_RATE)

    def mend() -> str:
        world.do("add_tax_rate", organization_id=at.id, rate=CITY_RATE)
        return f"The rate is back in the {at.books} of {at.name}."

    return f"{at.name} loses its 7.25 % tax rate and issues an invoice that needs it.", mend


def _lose_connection(world: World, at: Organization, _: random.Random) -> tuple[str, Mend]:
    world.do("revoke_connection", organization_id=at.id)

    def mend() -> str:
        world.do("reconnect", organization_id=at.id)
        return f"{at.name} connects {at.books} again."

    return f"{at.name} withdraws consent in {at.books}.", mend


_HAPPENINGS: Final[Sequence[Happening]] = (
    _issue_invoice,
    _issue_bill,
    _fail_for_a_while,
    _enter_by_hand,
    _lose_tax_rate,
    _lose_connection,
)
_WEIGHTS: Final = (6, 4, 2, 1, 1, 1)
