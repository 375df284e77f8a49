"""Counterparts and their addresses."""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING

from service.simulator.calls import Answer, Call, as_instant, as_text, as_truth, as_uuid, one_of, text_of
from service.simulator.filters import Filter, among, compared, containing, equal
from service.simulator.paging import Listing, serve
from service.simulator.payloads.parties import counterpart_address_payload, counterpart_payload
from service.simulator.problems import not_found

if TYPE_CHECKING:
    from service.simulator.parties import Counterpart

_CREATED, _NAME, _EMAIL = attrgetter("created_at"), attrgetter("name"), attrgetter("email")
_TYPES = one_of(frozenset({"individual", "organization"}))


def _nothing(_: object) -> None:
    """Stand for fields that are never set here: bank details, VAT ids, tags."""


COUNTERPARTS = Listing(
    "counterparts",
    {
        "counterpart_name": _NAME,
    },
    _CREATED,
    (
        equal("iban", text_of(34), _nothing),
        equal("sort_code", text_of(100), _nothing),
        equal("account_number", text_of(100), _nothing),
        equal("tax_id", text_of(30), attrgetter("tax_id")),
        equal("vat_id", text_of(30), _nothing),
        among("id__in", as_uuid, attrgetter("id")),
        equal("type", _TYPES, attrgetter("type")),
        equal("counterpart_name", as_text, _NAME),
        Filter(
            "counterpart_name__iexact", as_text, _NAME, lambda found, wanted: found.lower() == wanted.lower()
        ),
        *containing("counterpart_name", as_text, _NAME),
        equal("is_vendor", as_truth, attrgetter("is_vendor")),
        equal("is_customer", as_truth, attrgetter("is_customer")),
        equal("email", as_text, _EMAIL),
        *containing("email", as_text, _EMAIL),
        *compared("created_at", as_instant, _CREATED),
        *(
            equal(f"address.{part}", as_text, attrgetter(f"address.{part}"))
            for part in ("country", "city", "postal_code", "state", "line1", "line2")
        ),
        among("tag_ids__in", as_uuid, _nothing),
    ),
)


def list_counterparts(call: Call) -> Answer:
    """Answer `GET /counterparts`."""
    organization = call.organization
    return serve(
        call,
        COUNTERPARTS,
        organization,
        lambda: list(organization.counterparts.values()),
        counterpart_payload,
    )


def get_counterpart(call: Call) -> Answer:
    """Answer `GET /counterparts/{counterpart_id}`."""
    return Answer(200, counterpart_payload(_named(call)))


def list_addresses(call: Call) -> Answer:
    """Answer `GET /counterparts/{counterpart_id}/addresses`, which has no pages."""
    counterpart = _named(call)
    return Answer(200, {"data": [counterpart_address_payload(counterpart, counterpart.address)]})


def _named(call: Call) -> Counterpart:
    counterpart_id = call.id("counterpart_id")
    counterpart = call.organization.counterparts.get(counterpart_id)
    if counterpart is None:
        raise not_found("Counterpart", counterpart_id)
    return counterpart
