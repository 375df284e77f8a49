"""Rows become objects; what is missing, odd or another's is told apart."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.hub import payloads
from service.hub.payloads import (
    Connection,
    Counterpart,
    Event,
    LedgerAccount,
    Organization,
    OrganizationSettings,
    PaymentRecord,
    RawDocument,
    Row,
    Subscription,
    SyncedRecord,
    TaxRate,
)
from service.hub.rows import Refused, RowT, read
from tests.hub.scripted_hub import ORGANIZATION, OTHER_ORGANIZATION, RECORD, sample


def usable(kind: type[RowT], payload: Any) -> RowT:
    """Read a row that must be usable."""
    found = read(kind, payload, ORGANIZATION)
    assert not isinstance(found, Refused), found.reason
    return found


def record(**changes: Any) -> dict[str, Any]:
    """Give the documented record, changed."""
    return {**sample("record_pushed"), **changes}


def test_a_record_is_read_whole() -> None:
    """Every documented field is there, typed, beside the payload as it came."""
    payload = record(novelty={"deep": [1]})
    found = usable(SyncedRecord, payload)
    at = datetime(2024, 3, 5, 16, 20, 57, 66000, tzinfo=UTC)
    assert (found.id, found.object_type, found.sync_status) == (RECORD, "product", "pending")
    assert (found.platform, found.provider) == ("xero", "railz")
    assert found.platform_object_id == "18cb53c4-3807-4a5a-8da9-303053a40002"
    assert found.provider_object_id == "58e1d32f-a092-438a-bffb-3bf6af9ba8ec"
    assert {found.created_at, found.updated_at, found.object_updated_at, found.last_pulled_at} == {at}
    assert found.errors == {}
    assert found.payload == payload


def test_absent_and_null_are_the_same() -> None:
    """A record with nothing but what it needs equals one in which the rest is null."""
    needed = {key: record()[key] for key in ("id", "object_type", "updated_at")}
    nulls = {**dict.fromkeys(record()), **needed}
    bare, full = usable(SyncedRecord, needed), usable(SyncedRecord, nulls)
    for name in SyncedRecord.__struct_fields__:
        if name != "payload":
            assert getattr(bare, name) == getattr(full, name)


def test_unknown_values_are_kept() -> None:
    """A new status or platform is shown as it is."""
    found = usable(SyncedRecord, record(sync_status="conflict", platform="sage", object_type="journal"))
    assert (found.sync_status, found.platform, found.object_type) == ("conflict", "sage", "journal")


@pytest.mark.parametrize(
    "errors", [None, {}, [], "text", {"message": "x"}, [{"message": "x"}, 7], 3, True, Decimal("1.5")]
)
def test_errors_come_in_any_shape(errors: Any) -> None:
    """What went wrong is kept as it was told."""
    assert usable(SyncedRecord, record(errors=errors)).errors == errors


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("2024-06-08T19:52:22.557280+00:00", datetime(2024, 6, 8, 19, 52, 22, 557280, tzinfo=UTC)),
        ("2024-06-08T21:52:22+02:00", datetime(2024, 6, 8, 19, 52, 22, tzinfo=UTC)),
        ("2022-09-08T00:20:04.961397", datetime(2022, 9, 8, 0, 20, 4, 961397, tzinfo=UTC)),
        ("2024-03-05T15:14:14.728Z", datetime(2024, 3, 5, 15, 14, 14, 728000, tzinfo=UTC)),
        ("0001-01-01T00:00:00+14:00", datetime(1, 1, 1, tzinfo=UTC)),
    ],
)
def test_times_are_utc(text: str, at: datetime) -> None:
    """Every documented spelling of a time is read, with UTC where no zone is given."""
    found = usable(SyncedRecord, record(updated_at=text)).updated_at
    assert (found, found.utcoffset()) == (at, at.utcoffset())


def test_an_odd_optional_field_hides_nothing() -> None:
    """What is unreadable beside the point counts as absent, and the payload still shows it."""
    found = usable(
        SyncedRecord, record(platform_updated_at="yesterday", object_id="INV-1", provider=["railz"])
    )
    assert (found.platform_updated_at, found.object_id, found.provider) == (None, None, None)
    assert found.payload["platform_updated_at"] == "yesterday"
    assert found.platform == "xero"


def test_a_platform_id_may_look_like_a_number() -> None:
    """QuickBooks counts its documents."""
    assert usable(SyncedRecord, record(platform_object_id=120)).platform_object_id == "120"
    assert usable(RawDocument, {"id": 120}).id == "120"


def test_what_rows_are_found_by_is_bounded() -> None:
    """However long, an id fits into an index, differs from every other and is the same wherever it is."""
    long = "ä" * 5_000
    found = usable(SyncedRecord, record(platform_object_id=f"{long}1", object_type=long, platform=long))
    assert {
        len(text) for text in (found.platform_object_id or "", found.object_type, found.platform or "")
    } == {255}
    assert found.platform_object_id == usable(RawDocument, {"id": f"{long}1"}).id
    assert found.platform_object_id != usable(RawDocument, {"id": f"{long}2"}).id
    assert usable(RawDocument, {"id": "ä" * 255}).id == "ä" * 255
    assert found.payload["platform_object_id"] == f"{long}1"


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (record(id=None), "its id is absent"),
        (record(id="7"), "its id is unreadable"),
        (record(updated_at="never"), "its updated_at is unreadable"),
        (record(object_type=None), "its object_type is absent"),
        ([], "it is no object"),
        (None, "it is no object"),
        ("text", "it is no object"),
    ],
)
def test_an_unusable_row_says_why(payload: Any, reason: str) -> None:
    """What a record cannot be followed without refuses the row."""
    found = read(SyncedRecord, payload, ORGANIZATION)
    assert isinstance(found, Refused)
    assert (found.reason, found.payload, found.is_foreign) == (reason, payload, False)


@pytest.mark.parametrize("owner", [str(OTHER_ORGANIZATION), "no uuid", 7, [], {}])
@pytest.mark.parametrize("key", ["entity_id", "organization_id"])
def test_another_organizations_row_is_refused(key: str, owner: Any) -> None:
    """Whatever else it holds, a row that names another owner is nobody's."""
    found = read(RawDocument, {"id": "1", key: owner}, ORGANIZATION)
    assert isinstance(found, Refused)
    assert found.is_foreign


@pytest.mark.parametrize("owner", [None, str(ORGANIZATION), str(ORGANIZATION).upper()])
def test_an_organizations_own_row_is_taken(owner: Any) -> None:
    """Its own name, in either case, or none at all."""
    assert usable(RawDocument, {"id": "1", "entity_id": owner}).id == "1"


def test_connections() -> None:
    """Both documented examples are read, the one without an address too."""
    created = usable(Connection, sample("connection_created"))
    assert (created.status, created.platform, created.is_connected) == ("pending_auth", None, False)
    assert created.last_pull == datetime(2024, 6, 8, 19, 52, 22, 557307, tzinfo=UTC)
    assert str(created.connection_url).startswith("https://sites.railz.ai/ste-")
    ended = usable(Connection, sample("connection_disconnected"))
    assert (ended.status, ended.connection_url) == ("disconnected", None)


def test_organizations_have_a_name() -> None:
    """A company's, a person's, or the id where there is none."""
    company = sample("organization")
    person = {**company, "organization": None, "individual": {"first_name": "Ada", "last_name": "King"}}
    assert usable(Organization, company).name == "Acme Inc."
    assert usable(Organization, person).name == "Ada King"
    assert usable(Organization, {"id": company["id"]}).name == company["id"]
    assert (
        usable(Organization, company | {"organization": {"legal_name": " B" * 5_000}}).name
        == ("B " * 128)[:255]
    )


def test_settings() -> None:
    """The defaults that pushes need are found, and absent at whatever level they are absent."""
    found = usable(
        OrganizationSettings,
        {"accounting": {"ledger_account_ids": {"payments": "p", "products": None}, "tax_ids": None}},
    )
    assert found.payments_ledger_account_id == "p"
    assert (found.products_ledger_account_id, found.deductions_tax_id) == (None, None)
    odd: list[Any] = [None, [], {}, {"ledger_account_ids": 7}]
    for accounting in odd:
        payload = {"accounting": accounting}
        assert usable(OrganizationSettings, payload).payments_ledger_account_id is None


def test_tax_rates_and_accounts_of_the_hub_alone() -> None:
    """The documented examples are read, though one's id is no UUID and the other lacks half its fields."""
    rate = usable(TaxRate, sample("tax_rate_internal"))
    assert (rate.id[:4], rate.effective_tax_rate, rate.is_external) == ("4gb9", 0, False)
    account = usable(LedgerAccount, sample("ledger_account_internal"))
    assert (account.name, account.status, account.is_external) == ("Meals & Entertainment", None, False)


def test_numbers_beyond_a_column_are_no_numbers() -> None:
    """A rate that Postgres could not store is absent; such an amount makes no payment."""
    assert usable(TaxRate, {"id": "1", "effective_tax_rate": 2**31}).effective_tax_rate is None
    payment = {"id": str(RECORD), "amount": 2**63, "currency": "USD"}
    assert isinstance(read(PaymentRecord, payment), Refused)


def test_events_name_their_object_in_several_ways() -> None:
    """The id is found wherever the versions of the payload have it."""
    event = sample("event")
    assert usable(Event, event).object_id == "cd16c05b-bd05-45c8-822c-a5aa4a6b1e78"
    assert usable(Event, {**event, "object": None, "object_id": "x"}).object_id == "x"
    assert usable(Event, {**event, "object": {"object_id": "y"}}).object_id == "y"
    assert usable(Event, {**event, "object": "z"}).object_id is None


def test_counterparts_may_be_both() -> None:
    """Customer and vendor are told from the part that describes it."""
    found = usable(
        Counterpart,
        {
            "id": str(RECORD),
            "organization": {"legal_name": "Both Ltd", "is_customer": True, "is_vendor": True},
        },
    )
    assert (found.name, found.is_customer, found.is_vendor) == ("Both Ltd", True, True)


def test_a_subscriptions_secret_does_not_show() -> None:
    """The secret is where it is asked for, and nowhere else."""
    payload = {
        "id": str(RECORD),
        "object_type": "payable",
        "url": "https://x.test/",
        "secret": "whsec_canary",
    }
    found = usable(Subscription, payload)
    assert found.secret == "whsec_canary"
    assert "canary" not in repr(found)
    assert "secret" not in found.payload


KINDS = [kind for kind in vars(payloads).values() if isinstance(kind, type) and issubclass(kind, Row)]
KINDS.remove(Row)

anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=40)
    | st.uuids().map(str)
    | st.datetimes().map(datetime.isoformat)
    | st.decimals(allow_nan=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@settings(deadline=None, max_examples=300)
@given(st.sampled_from(KINDS), st.data())
def test_any_row_is_read_or_refused(kind: type[Row], data: st.DataObject) -> None:
    """Whatever stands in a field, there is an object whose every property can be asked, or a refusal."""
    names = [*kind.__struct_fields__, "entity_id", "organization", "individual", "accounting"]
    payload = data.draw(st.dictionaries(st.sampled_from(names), anything))
    payload.setdefault("id", data.draw(st.uuids().map(str)))
    found = read(kind, payload, data.draw(st.none() | st.just(ORGANIZATION)))
    if isinstance(found, Refused):
        assert found.reason
        return
    assert found.payload == payload or kind is Subscription
    assert all(getattr(found, name) is not NotImplemented for name in dir(found) if not name.startswith("_"))
    assert isinstance(getattr(found, "id", UUID(int=0)), UUID | str)
