"""Which webhooks the service lives on, and where they are to be sent."""

from __future__ import annotations

from typing import Final

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
"""What changes without our doing and is worth reading at once; see `service.domain.hint`."""


def webhook_url(public_url: str) -> str:
    """The address that subscriptions name."""
    return public_url.rstrip("/") + WEBHOOK_PATH
