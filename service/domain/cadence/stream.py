"""The streams of an organization: every list of the hub that is read on its own cadence.

They are read in the order in which they stand here, since the later ones are understood by the earlier: what
is connected decides what is worth reading, tax rates decide what a line of the books amounts to, records tell
which bills still need their lines. Only a first load begins otherwise (`first_order`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Final


class Stream(StrEnum):
    """One list of an organization."""

    CONNECTION = "connection"
    EVENTS = "events"
    SETTINGS = "settings"
    TAX_RATES = "tax_rates"
    LEDGER_ACCOUNTS = "ledger_accounts"
    PRODUCTS = "products"
    COUNTERPARTS = "counterparts"
    PRODUCT_RECORDS = "records:product"
    CUSTOMER_RECORDS = "records:customer"
    VENDOR_RECORDS = "records:vendor"
    RECEIVABLE_RECORDS = "records:receivable"
    BILL_RECORDS = "records:bill"
    PAYMENT_RECORDS = "records:payment_record"
    LOCAL_RECEIVABLES = "local:receivable"
    LOCAL_PAYABLES = "local:payable"
    BOOKS_RECEIVABLES = "books:receivable"
    BOOKS_PAYABLES = "books:payable"


STREAMS: Final = tuple(Stream)
"""In the order in which they are read."""

RECORD_STREAMS: Final[Mapping[str, Stream]] = {
    stream.partition(":")[2]: stream for stream in Stream if stream.startswith("records:")
}
"""By the hub's object type, in the order in which the hub pushes: what others depend on first."""

LOCAL_STREAMS: Final = (Stream.LOCAL_RECEIVABLES, Stream.LOCAL_PAYABLES)
BOOKS_STREAMS: Final = (Stream.BOOKS_RECEIVABLES, Stream.BOOKS_PAYABLES)


def first_order() -> Sequence[Stream]:
    """The order of a first load: invoices before their records.

    A record does not say whose it is. That of a document which is known lands without asking the hub for it,
    which is two thirds of a first load's calls, and has its money at once. Later records come first: they
    are what is waited for. Bills stay behind their records, which tell whose lines are worth a call.
    """
    order: list[Stream] = [stream for stream in STREAMS if stream is not Stream.LOCAL_RECEIVABLES]
    order.insert(order.index(Stream.RECEIVABLE_RECORDS), Stream.LOCAL_RECEIVABLES)
    return order


def part_of(stream: Stream) -> str:
    """What a name says after its colon: the object type of records, the ledger of documents."""
    return stream.partition(":")[2]
