"""A fix packet as CSV for a spreadsheet, and as plain text ready to be forwarded by mail."""

from __future__ import annotations

import csv
import textwrap
from collections.abc import Iterator, Mapping
from io import StringIO
from typing import Final

from service.domain.money import format_minor, from_minor
from service.domain.packet import Packet, PacketDocument, PacketOrganization
from service.statements.cells import csv_text

COLUMNS: Final = (
    "organization",
    "cause",
    "who",
    "what_to_do",
    "kind",
    "number",
    "party",
    "issued_on",
    "due_on",
    "currency",
    "amount",
    "told",
    "record_id",
    "document_id",
)

WIDTH: Final = 90
"""Characters of a line: mail programs break longer ones where they like."""


def packet_csv(packet: Packet) -> bytes:
    """Write one row a document (RFC 4180, UTF-8), and a last one about those that are not listed.

    No cell starts a formula.
    """
    out = StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(COLUMNS)
    for organization in packet.organizations:
        head = [organization.name, packet.title, organization.who, " ".join(organization.steps)]
        for each in organization.documents:
            writer.writerow([*map(csv_text, head), *_cells(each)])
    if packet.rest:
        name = packet.organizations[0].name if packet.totals.organizations == 1 else ""
        rest = [name, packet.title, "", packet.rest]
        writer.writerow([*map(csv_text, rest), *[""] * (len(COLUMNS) - len(rest))])
    return out.getvalue().encode()


def packet_text(packet: Packet) -> str:
    """Write it for people; what comes from elsewhere stays on its line."""
    return "\n".join(_lines(packet)) + "\n"


def _cells(document: PacketDocument) -> Iterator[str]:
    yield document.kind
    yield csv_text(document.number)
    yield csv_text(document.party)
    yield document.issued_on.isoformat() if document.issued_on else ""
    yield document.due_on.isoformat() if document.due_on else ""
    yield csv_text(document.currency)
    is_known = document.amount_minor is not None and document.currency
    yield f"{from_minor(document.amount_minor or 0, document.currency or ''):f}" if is_known else ""
    yield csv_text(document.told)
    yield str(document.record_id)
    yield str(document.document_id or "")


def _lines(packet: Packet) -> Iterator[str]:
    totals = packet.totals
    count = "1 document" if totals.documents == 1 else f"{totals.documents:,} documents"
    if not totals.documents:
        yield f"{packet.title}: nothing waits for it now."
        yield from _set_aside(packet)
        return
    where = (
        packet.organizations[0].name
        if totals.organizations == 1
        else f"{totals.organizations:,} organizations"
    )
    yield _line(f"{packet.title}: {count} of {where} cannot be brought into the books")
    yield ""
    yield _line(f"For: {packet.who}")
    if totals.money:
        yield f"Waiting: {_money(totals.money)} in {count}"
    yield ""
    yield from _wrapped(packet.what)
    for organization in packet.organizations:
        yield ""
        yield from _section(organization, is_only=totals.organizations == 1)
    if packet.rest:
        yield ""
        yield packet.rest
    yield ""
    yield from _wrapped(packet.afterwards)
    yield from _set_aside(packet)


def _set_aside(packet: Packet) -> Iterator[str]:
    if packet.set_aside:
        yield ""
        if packet.set_aside == 1:
            yield "1 document was set aside by a person: nobody has to act on it."
        else:
            yield f"{packet.set_aside:,} documents were set aside by a person: nobody has to act on them."


def _section(organization: PacketOrganization, *, is_only: bool) -> Iterator[str]:
    if not is_only:
        title = _line(f"{organization.name} ({organization.platform})")
        yield title
        yield "-" * len(title)
    yield "What to do:"
    for number, step in enumerate(organization.steps, start=1):
        mark = f"  {number}. " if len(organization.steps) > 1 else "  "
        yield from _wrapped(step, mark)
    yield ""
    yield "Documents:"
    for each in organization.documents:
        yield _line("  " + "  ".join(_told(each)))
    if organization.not_listed:
        yield f"  and {organization.not_listed:,} more"


def _told(document: PacketDocument) -> Iterator[str]:
    yield document.number or f"({document.kind})"
    if document.party:
        yield document.party
    if document.issued_on:
        yield document.issued_on.isoformat()
    if document.amount_minor is not None and document.currency:
        yield format_minor(document.amount_minor, document.currency)


def _money(money: Mapping[str, int]) -> str:
    return ", ".join(format_minor(minor, currency) for currency, minor in sorted(money.items()))


def _line(value: str) -> str:
    """One line, whatever the text holds; its indent stays."""
    indent = value[: len(value) - len(value.lstrip(" "))]
    printable = "".join(each if each.isprintable() else " " for each in value.strip())
    return indent + printable


def _wrapped(value: str, mark: str = "") -> Iterator[str]:
    # Addresses are not broken: a link that lost its end leads nowhere.
    yield from textwrap.wrap(
        _line(value),
        WIDTH,
        initial_indent=mark,
        subsequent_indent=" " * len(mark),
        break_long_words=False,
        break_on_hyphens=False,
    )
