"""The documented rules of the hub that explain a difference: each named, bounded, and said in a sentence.

A rule explains only what lies inside its bound. None of them is asked about a document that was once seen in
the books and vanished.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule, in words for people: what the hub does, and how far that explains a difference."""

    name: str
    sentence: str
    bound: str


NEVER_CONNECTED: Final = Rule(
    "never_connected",
    "Without an accounting connection nothing is entered in the books.",
    "while the organization never had a connection",
)
BEFORE_CONNECTION: Final = Rule(
    "before_connection",
    "Documents older than the accounting connection are not exchanged.",
    "documents created and issued, or in the books dated, before the organization's first connection began",
)
WHILE_DISCONNECTED: Final = Rule(
    "while_disconnected",
    "Nothing is entered in the books while the accounting connection is down.",
    "documents created or issued after the connection ended, until it is renewed",
)
NOT_ISSUED: Final = Rule(
    "not_issued",
    "A document is entered in the books when it is issued or approved, not before.",
    "documents that are drafts, wait for approval or were rejected, and have no synced record",
)
CANCELED: Final = Rule(
    "canceled",
    "A document that was canceled before it was entered has no place in the books.",
    "canceled documents without a synced record",
)
CREDIT_NOTE: Final = Rule(
    "credit_note_not_listed",
    "Credit notes are entered without their number, and the lists of the books do not show them.",
    "credit notes whose push did not fail",
)
JUST_ISSUED: Final = Rule(
    "just_issued",
    "The hub makes the synced record shortly after the document is issued.",
    "documents that changed within the grace before the synced records were last read",
)
JUST_HANDED_OVER: Final = Rule(
    "just_handed_over",
    "A document of the partner's own system reaches the hub a little later than it reaches us.",
    "the partner's documents that were put lately and are meant for the hub, until a read is late",
)
ENTERED_SINCE_PULL: Final = Rule(
    "entered_since_pull",
    "The books are read once an hour; what was entered there since is not visible yet.",
    "the partner's documents that were put or changed after the books were last read, until a read is late",
)
PUSH_UNDER_WAY: Final = Rule(
    "push_under_way",
    "Documents are handed over to the books first; the outcome shows later.",
    "synced records that are pending for less than the time after which they count as stuck",
)
NOT_PULLED_YET: Final = Rule(
    "not_pulled_yet",
    "The books are read once an hour; what was handed over since is not visible yet.",
    "documents pushed after, or shortly before, the books were last read, until a read is late",
)
CHANGED_SINCE_PULL: Final = Rule(
    "changed_since_pull",
    "The books are read once an hour; what changed here since cannot agree yet.",
    "documents changed here after the books were last read, until a read is late",
)
VENDOR_SUFFIX: Final = Rule(
    "vendor_suffix",
    "Who is customer and vendor is entered twice, as a vendor with “_VENDOR” added to the name.",
    "bills whose party differs by exactly this suffix",
)
PARTY_RENAMED: Final = Rule(
    "party_renamed",
    "Once a counterpart is matched, later changes of its name are not exchanged.",
    "parties of other names that a synced record of their own joins",
)
BILL_PAYMENTS: Final = Rule(
    "bill_payments_not_pushed",
    "Payments of bills are not entered in the books.",
    "bills that are paid further here than in the books",
)
POSTED_ON_ENTRY: Final = Rule(
    "posted_on_entry",
    "The books' date may be the day on which the document was entered.",
    "documents dated in the books on the very day of their push, not before they were issued",
)
LINE_ROUNDING: Final = Rule(
    "line_rounding",
    "Amounts finer than the smallest coin are rounded on each line, at most half a coin a line.",
    "half a minor unit for each line that has such an amount",
)
VOID_IN_BOOKS: Final = Rule(
    "void_in_books",
    "A voided document stays listed in the books but carries no balance there.",
    "voided documents of the books that belong to no local one, or to one that is canceled",
)
