"""How things are called on the page: our words for states, owners and kinds, as people say them."""

from __future__ import annotations

from collections.abc import Mapping

from service.domain.causes.facts import facts_of
from service.domain.causes.names import Cause

STATES: Mapping[str, tuple[str, str]] = {
    "confirmed": ("Confirmed", "Read back from the books, and equal."),
    "acknowledged": (
        "Acknowledged",
        "The hub says done; not yet seen in the books, or of a type that cannot be.",
    ),
    "waiting": ("On its way", "The hub is bringing it to the books."),
    "retrying": ("Retrying", "Time may cure it; it is pushed again."),
    "blocked": ("Waiting for a cure", "It goes by itself the moment its cure is seen."),
    "quarantined": (
        "Being verified",
        "An attempt may have landed: no push until the books prove that it did not.",
    ),
    "needs_person": ("Needs a person", "No retry can help; it says whose turn it is."),
    "given_up": ("Given up", "Its attempts are used up; a person decides."),
}
"""Every state of a record, calm ones first, with what it means."""

OWNERS: Mapping[str, str] = {
    "nobody": "Nobody (cures itself)",
    "bookkeeper": "Bookkeeper",
    "accounting_admin": "Accounting admin",
    "organization_owner": "Organization's owner",
    "partner_engineer": "Partner's engineer",
    "partner": "Partner",
    "platform_support": "Platform support",
    "operator": "Operator",
}

KINDS: Mapping[str, str] = {
    "push_failed": "Push failed",
    "push_pending": "On its way",
    "never_attempted": "Never attempted",
    "deleted_in_books": "Deleted in the books",
    "only_in_books": "Only in the books",
    "duplicate_in_books": "Twice in the books",
    "amount": "Amount",
    "tax": "Tax",
    "currency": "Currency",
    "number": "Number",
    "counterparty": "Counterparty",
    "issue_date": "Issue date",
    "due_date": "Due date",
    "status": "Status",
    "lines": "Lines",
    "rounding": "Rounding",
    "not_pushed": "Not to be pushed",
    "unclassified": "Unclassified",
}

CONNECTIONS: Mapping[str, tuple[str, str]] = {
    "connected": ("Connected", "good"),
    "pending_auth": ("Waiting for authorisation", "wait"),
    "disconnected": ("Disconnected", "bad"),
    "deauthorized": ("Access withdrawn", "bad"),
    "removed": ("Removed", "quiet"),
    "none": ("Not connected", "quiet"),
}
"""Each status of a connection with its tone."""

OBJECTS: Mapping[str, str] = {
    "receivable": "Invoice",
    "bill": "Bill",
    "payment_record": "Payment",
    "customer": "Customer",
    "vendor": "Vendor",
    "product": "Product",
}

PLATFORMS: Mapping[str, str] = {"quickbooks": "QuickBooks Online", "xero": "Xero"}

OUTCOMES: Mapping[str, tuple[str, str]] = {
    "accepted": ("accepted by the hub", "good"),
    "refused": ("refused by the hub", "bad"),
    "uncertain": ("outcome unknown", "wait"),
    "not_sent": ("never sent", "quiet"),
}

TRIGGERS: Mapping[str, str] = {
    "schedule": "because it was time",
    "cure": "because its cure was seen",
    "canary": "to try out whether its group is cured",
    "operator": "because an operator said so",
}


DECISIONS: Mapping[str, tuple[str, str]] = {
    "push": ("Send it once more", "I have looked: it is not in the books."),
    "it_is_there": ("It is in the books", "It is not sent again."),
    "leave": ("It does not belong in the books", "It is not sent again."),
}
"""What a person may decide about a failed record, with what that means."""

RETRY_STATES: Mapping[str, tuple[str, str]] = {
    "planned": ("Planned", "wait"),
    "running": ("Under way", "act"),
    "finished": ("Finished", "good"),
    "cancelled": ("Cancelled", "quiet"),
    "expired": ("Out of date", "quiet"),
}
"""Where a retry of many stands, with its tone."""

ITEMS: Mapping[str, str] = {
    "eligible": "would be sent",
    "queued": "waits for its turn",
    "sent": "sent",
    "left_out": "left out",
    "cancelled": "taken back",
    "excluded": "not sent",
}
"""What becomes of one record of a retry."""


_CAUSES = frozenset(Cause)


def plain(word: str | None) -> str:
    """Write a word of a program as people write it; for those that stand in no table."""
    return (word or "unknown").replace("_", " ").replace(".", " ").capitalize()


def state_name(state: str) -> str:
    """What a record's state is called."""
    return STATES[state][0] if state in STATES else plain(state)


def owner_name(owner: str | None) -> str:
    """Whose turn it is."""
    return OWNERS.get(owner or "", plain(owner)) if owner else "—"


def cause_name(cause: str) -> str:
    """What a cause is called."""
    return facts_of(Cause(cause)).title if cause in _CAUSES else plain(cause)


def kind_name(kind: str) -> str:
    """What a kind of difference is called."""
    return KINDS.get(kind, plain(kind))


def connection_name(status: str | None) -> str:
    """What a connection's status is called."""
    known = CONNECTIONS.get(status or "none")
    return known[0] if known else plain(status)


def connection_tone(status: str | None) -> str:
    """How a connection's status is to be felt."""
    known = CONNECTIONS.get(status or "none")
    return known[1] if known else "wait"


def object_name(object_type: str | None) -> str:
    """What a type of object is called."""
    return OBJECTS.get(object_type or "", plain(object_type))


def platform_name(platform: str | None) -> str:
    """What an accounting system is called."""
    family = (platform or "").split("_")[0]
    return PLATFORMS.get(family, plain(platform) if platform else "no platform")
