"""Which webhooks the service lives on, where they are sent, and what is missing of them at the hub.

A subscription that is there is never made twice: both would deliver. One that hears everything of its type at
our address is kept; a disabled one is enabled again; what is left is made. The hub tells a secret once, when
it makes it, so a kept subscription's secret is told again only by a new one, which ends the old.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final
from uuid import UUID

from service.hub.client import Hub
from service.hub.payloads import Subscription

WEBHOOK_PATH: Final = "/webhooks/hub"

OBJECT_TYPES: Final = frozenset(
    {
        "accounting_connection",
        "counterpart",
        "entity",
        "entity_settings",
        "payable",
        "product",
        "receivable",
    }
)
"""What changes without our doing and is worth reading at once; see `service.domain.cadence.hint`."""

ENABLED: Final = frozenset({"enabled", None})
"""How a subscription is that delivers; one without a word of its status does."""


class Act(StrEnum):
    """What is done about one type of object."""

    MADE = "made"
    KEPT = "kept"
    ENABLED = "enabled again"
    RENEWED = "kept, with a new secret"
    ENABLED_ANEW = "enabled again, with a new secret"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One type of object, and the subscription to it: none yet where it is to be made."""

    object_type: str
    act: Act
    subscription_id: UUID | None = None
    secret: str | None = None
    """As the hub tells it this once."""

    def __repr__(self) -> str:
        return f"Step({self.object_type}, {self.act})"


def webhook_url(public_url: str) -> str:
    """The address that subscriptions name."""
    return public_url.rstrip("/").removesuffix(WEBHOOK_PATH) + WEBHOOK_PATH


def plan(found: Sequence[Subscription], url: str, *, is_renewing: bool = False) -> Sequence[Step]:
    """What is to be done so that each type of object has one subscription to `url` that delivers."""
    return [_step(object_type, found, url, is_renewing=is_renewing) for object_type in sorted(OBJECT_TYPES)]


def _step(object_type: str, found: Sequence[Subscription], url: str, *, is_renewing: bool) -> Step:
    # One that hears some events only does not do: what it leaves out would come late, by polling.
    ours = [
        each for each in found if each.url == url and each.object_type == object_type and not each.event_types
    ]
    for each in sorted(ours, key=lambda each: each.status not in ENABLED):
        if each.status not in ENABLED:
            act = Act.ENABLED_ANEW if is_renewing else Act.ENABLED
        else:
            act = Act.RENEWED if is_renewing else Act.KEPT
        return Step(object_type=object_type, act=act, subscription_id=each.id)
    return Step(object_type=object_type, act=Act.MADE)


async def list_all(hub: Hub) -> Sequence[Subscription]:
    """Read every subscription of the partner."""
    return [each async for page in hub.subscriptions() for each in page.items]


async def carry_out(hub: Hub, steps: Sequence[Step], url: str) -> AsyncIterator[Step]:
    """Do what was planned; each step is given once it is done, with the secret it was told."""
    for step in steps:
        match step.act, step.subscription_id:
            case Act.MADE, _:
                made = await hub.create_subscription(step.object_type, url)
                yield replace(step, subscription_id=made.id, secret=made.secret)
            case Act.ENABLED, UUID() as subscription_id:
                await hub.enable_subscription(subscription_id)
                yield step
            case (Act.RENEWED | Act.ENABLED_ANEW) as act, UUID() as subscription_id:
                if act is Act.ENABLED_ANEW:
                    await hub.enable_subscription(subscription_id)  # first: trouble here loses no secret
                renewed = await hub.regenerate_secret(subscription_id)
                yield replace(step, secret=renewed.secret)
            case _:
                yield step
