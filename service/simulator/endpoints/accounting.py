"""Documents of the books as of the last pull: two lists paged by offset, without total, filter or order."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from service.simulator.calls import Answer, Call
from service.simulator.connections import Status
from service.simulator.paging import serve_offset
from service.simulator.payloads.accounting import books_payable, books_receivable
from service.simulator.problems import conflict, not_found

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from service.simulator.books import BooksDocument

_READABLE = {Status.CONNECTED, Status.DEAUTHORIZED}
"""States in which the last pull stays readable."""


def list_payables(call: Call) -> Answer:
    """Answer `GET /accounting/payables`."""
    return _list(call, lambda: call.organization.pulled.payables, books_payable)


def get_payable(call: Call) -> Answer:
    """Answer `GET /accounting/payables/{payable_id}`."""
    return _one(call, "payable_id", lambda: call.organization.pulled.payables, books_payable)


def list_receivables(call: Call) -> Answer:
    """Answer `GET /accounting/receivables`."""
    return _list(call, lambda: call.organization.pulled.receivables, books_receivable)


def get_receivable(call: Call) -> Answer:
    """Answer `GET /accounting/receivables/{invoice_id}`."""
    return _one(call, "invoice_id", lambda: call.organization.pulled.receivables, books_receivable)


def _list(call: Call, rows: Callable[[], Sequence[BooksDocument]], show: Callable[..., Any]) -> Answer:
    if not _is_readable(call) and call.world.behaviour.accounting_without_connection == "empty":
        return serve_offset(call, (), _shower(call, show))
    _check(call)
    return serve_offset(call, _ordered(call, rows()), _shower(call, show), call.offset_shift)


def _one(
    call: Call, name: str, rows: Callable[[], Sequence[BooksDocument]], show: Callable[..., Any]
) -> Answer:
    _check(call)
    wanted = call.path_values[name]
    for document in rows():
        payload = _shower(call, show)(document)
        if payload["id"] == wanted:
            return Answer(200, payload)
    raise not_found("Accounting document", wanted)


def _shower(call: Call, show: Callable[..., Any]) -> Callable[[BooksDocument], Any]:
    return partial(show, behaviour=call.world.behaviour)


def _ordered(call: Call, rows: Sequence[BooksDocument]) -> Sequence[BooksDocument]:
    match call.world.behaviour.accounting_order:
        case "newest":
            return rows[::-1]
        case "any":
            return sorted(rows, key=lambda _: call.world.request_ids.between(0, 1))
    return rows


def _is_readable(call: Call) -> bool:
    connection = call.organization.connection
    return connection is not None and connection.status in _READABLE


def _check(call: Call) -> None:
    if not _is_readable(call):
        raise conflict("The entity has no active accounting connection.")
