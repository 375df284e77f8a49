"""Answers made worse on purpose: nulls, unknown words, foreign rows, cut JSON, a bomb.

Distortions keep what the published schema requires, and touch only answers of success.
"""

from __future__ import annotations

import zlib
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from service.simulator.chance import Chance

REQUIRED = frozenset({
    "id", "created_at", "updated_at", "data", "type", "object_type", "sync_status", "last_pulled_at",
    "entity_id", "currency", "counterpart_id", "counterpart_type", "line_items", "amount_due",
    "amount_paid", "entity", "entity_address", "file_language", "original_file_language",
    "related_documents", "total_amount_with_credit_notes", "total_vat_amount", "status", "payable_origin",
    "source_of_payable_data", "credit_notes", "payable_id", "name", "organization", "individual",
    "address", "total_amount", "amount", "object", "is_external", "history", "access_token", "expires_in",
    "token_type", "message", "url", "event_types", "secret", "event_id", "requests_made_count", "action",
    "api_version", "description", "connection_url", "is_bank_account", "event_type", "event_data",
    "timestamp", "receivable_id", "origin", "source_of_data", "city", "country", "line1", "postal_code",
})  # fmt: skip
"""Fields required by the schema of some object: never taken away from any."""

ENUMS = frozenset({"status", "sync_status", "platform", "provider"})
NOVEL = "novel_value"
HUGE_CHARACTERS = 10_000_000
BOMB_BYTES = 200_000_000
_PIECE = 1_000_000


def nulls(payload: Any, chance: Chance) -> Any:  # noqa: ANN401 - JSON
    """Make optional fields null or absent, each as the die says."""

    def distort(row: dict[str, Any]) -> dict[str, Any]:
        kept: dict[str, Any] = {}
        for name, value in row.items():
            if name in REQUIRED or name.endswith("pagination_token"):
                kept[name] = value
            elif chance.happens(0.5):
                kept[name] = None
        return kept

    return _each_row(payload, distort)


def unknown_values(payload: Any) -> Any:  # noqa: ANN401 - JSON
    """Put words into enums that nobody documented, and add a field that nobody knows."""

    def distort(row: dict[str, Any]) -> dict[str, Any]:
        changed = {
            name: NOVEL if name in ENUMS and value is not None else value for name, value in row.items()
        }
        return {**changed, "novel_field": {"novel": True}}

    return _each_row(payload, distort)


def with_foreign_rows(payload: Any, foreign: Any) -> Any:  # noqa: ANN401 - JSON
    """Mix the rows of another organization's answer into a list."""
    if not isinstance(payload, dict) or not isinstance(payload.get("data"), list):
        return payload
    rows = foreign.get("data", []) if isinstance(foreign, dict) else []
    return {**payload, "data": [*payload["data"], *rows]}


def looping(payload: Any, token: str) -> Any:  # noqa: ANN401 - JSON
    """Promise another page for ever."""
    if not isinstance(payload, dict) or "next_pagination_token" not in payload:
        return payload
    return {**payload, "next_pagination_token": token}


def with_missing_rows(payload: Any, step: int) -> Any:  # noqa: ANN401 - JSON
    """Leave out every `step`-th row of a list; step 1 leaves none."""
    if not isinstance(payload, dict) or not isinstance(payload.get("data"), list):
        return payload
    kept = [row for place, row in enumerate(payload["data"], 1) if place % step]
    emptied = {name: None for name in payload if step == 1 and name.endswith("pagination_token")}
    return {**payload, "data": kept, **emptied}


def with_huge_texts(payload: Any) -> Any:  # noqa: ANN401 - JSON
    """Let the memo, the errors and a field that nobody knows of the first row be ten million characters."""
    rows = payload.get("data") if isinstance(payload, dict) else None
    if not rows or not isinstance(rows[0], dict):
        return payload
    text = "x" * HUGE_CHARACTERS
    known = {"memo": text, "errors": {"message": text}, "description": text}
    huge = {name: value for name, value in known.items() if name in rows[0]}
    return {**payload, "data": [{**rows[0], **huge, "novel_field": text}, *rows[1:]]}


def truncated(body: bytes) -> bytes:
    """Cut a body in the middle."""
    return body[: max(len(body) // 2, 1)]


@cache
def bomb() -> bytes:
    """Return a gzip body of 200 kB that inflates to 200 MB of blanks and an empty object."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 16 + zlib.MAX_WBITS)
    piece = b" " * _PIECE
    packed = b"".join(packer.compress(piece) for _ in range(BOMB_BYTES // _PIECE))
    return packed + packer.compress(b"{}") + packer.flush()


def _each_row(payload: Any, distort: Callable[[dict[str, Any]], dict[str, Any]]) -> Any:  # noqa: ANN401 - JSON
    if not isinstance(payload, dict):
        return payload
    if isinstance(payload.get("data"), list):
        return {
            **payload,
            "data": [distort(row) if isinstance(row, dict) else row for row in payload["data"]],
        }
    return distort(payload)
