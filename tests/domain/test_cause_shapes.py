"""Whatever an error is wrapped in, its words are found, in their order, and nothing raises."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.domain.causes.cause import TEXT_SHOWN_MAX, Cause, Classification, classify
from service.domain.causes.text import CHARACTERS_MAX, TEXT_MAX, problems
from service.domain.causes.wording import GROUP_MAX, normalise
from service.domain.causes.wrapped import PROBLEM_MAX, one_line, strip_markup, xml_faults
from tests.domain.cause_samples import corpus

INACTIVE = (
    "Invalid Reference Id : Something you're trying to use has been made inactive. "
    "Check the fields with accounts."
)
FAULT = {
    "Fault": {
        "Error": [{"Message": "Invalid Reference Id", "Detail": INACTIVE, "code": "2500", "element": ""}],
        "type": "ValidationFault",
    },
    "time": "2025-07-26T21:32:59.136-07:00",
}
XML = (
    '<Fault type="ValidationFault"><Error code="2500" element=""><Message>Invalid Reference Id</Message>'
    f"<Detail>{INACTIVE}</Detail></Error></Fault>"
)
XERO = {
    "ErrorNumber": 10,
    "Type": "ValidationException",
    "Message": "A validation exception occurred",
    "Elements": [
        {
            "Contact": {"Name": "Rate Limit Exceeded Ltd", "Phones": ["currency not enabled"]},
            "LineItems": [{"Description": "Account period closed"}],
            "ValidationErrors": [
                {"Message": "The TaxType code 'OUTPUT' cannot be used with account code '500'."},
                {"Message": "Email address must be valid"},
            ],
        }
    ],
}


@pytest.mark.parametrize(
    "errors",
    [
        INACTIVE,
        [INACTIVE],
        {"message": INACTIVE},
        FAULT,
        [FAULT],
        {"errors": [{"message": json.dumps(FAULT)}]},
        json.dumps({"error": json.dumps(FAULT)}),
        "Error reading response: " + json.dumps(FAULT),
        "Body: [" + json.dumps(FAULT).replace('"', '\\"') + "]",
        XML,
        {"providerMessage": "Response Code:[400] with body: [" + XML + "]."},
        str(FAULT),
        "u" + str(FAULT["Fault"]),
        json.dumps(FAULT)[:-40],
        INACTIVE.upper(),
        INACTIVE.replace("'", "\u2019"),
        INACTIVE.encode(),
    ],
)
def test_the_same_words_are_found_in_every_wrapper(errors: object) -> None:
    """Text, list, object, JSON in JSON, XML, a printed dictionary, cut off, in capitals: one cause."""
    found = classify(errors)
    assert found.cause is Cause.INACTIVE_REFERENCE
    assert "made inactive" in found.text.lower()
    assert "{" not in found.text
    assert "<" not in found.text


@pytest.mark.parametrize("errors", [FAULT, XML, json.dumps({"error": json.dumps(FAULT)})])
def test_the_code_of_the_platform_is_kept(errors: object) -> None:
    """The code of the fault is told beside its words, without leading zeros."""
    assert classify(errors).code == "2500"
    assert classify("message=ThrottleExceeded; errorCode=003001; statusCode=429").code == "3001"


def test_a_document_that_is_echoed_back_is_no_error() -> None:
    """An echoed document decides nothing; the first of its validation errors does."""
    found = classify(XERO)
    assert found.cause is Cause.TAX_RATE_NOT_APPLICABLE
    assert found.text == "The TaxType code 'OUTPUT' cannot be used with account code '500'."


def test_the_first_of_several_problems_decides() -> None:
    """Of problems told one after another the first gives the cause."""
    closed, email = "The account period has closed.", "Email address must be valid."
    assert classify([{"message": closed}, {"message": email}]).cause is Cause.PERIOD_LOCKED
    assert classify([{"message": email}, {"message": closed}]).cause is Cause.INVALID_FIELD
    assert (
        classify({"errors": [{"message": "Sync failed"}, {"message": closed}]}).cause is Cause.PERIOD_LOCKED
    )
    assert classify(["HTTP 503", closed]).cause is Cause.PERIOD_LOCKED


@pytest.mark.parametrize(
    ("errors", "cause", "text"),
    [
        (
            {"due_date": ["This field is required."]},
            Cause.MISSING_REQUIRED_FIELD,
            "due_date: This field is required.",
        ),
        (
            {"detail": [{"loc": ["body", "currency"], "msg": "field required", "type": "value_error"}]},
            Cause.MISSING_REQUIRED_FIELD,
            "currency: field required",
        ),
        (
            {
                "validation": {"errors": [{"itemId": "x", "message": "Customer not found"}]},
                "status": "failed",
            },
            Cause.REFERENCE_NOT_FOUND,
            "Customer not found",
        ),
        ({"code": "CREDENTIAL_REFRESH_FAILED"}, Cause.CONNECTION_REVOKED, "CREDENTIAL_REFRESH_FAILED"),
        ({"statusCode": 429}, Cause.RATE_LIMITED, "HTTP status 429"),
        ({"code": 6240}, Cause.DUPLICATE_NAME, "code 6240"),
        ("<html><body><h1>503 Service Unavailable</h1></body></html>", Cause.PLATFORM_UNAVAILABLE, None),
        ("The query failed with 429", Cause.RATE_LIMITED, None),
        ("?error=Customer%20not%20found", Cause.REFERENCE_NOT_FOUND, None),
        ({"responseMessage": "Customer not found", "id": 4}, Cause.REFERENCE_NOT_FOUND, "Customer not found"),
    ],
)
def test_forms_of_other_makers_are_read(errors: object, cause: Cause, text: str | None) -> None:
    """Field errors by name, validation lists, bare codes and statuses, pages: each is understood."""
    found = classify(errors)
    assert found.cause is cause
    assert text is None or found.text == text


@pytest.mark.parametrize(
    "errors", [None, {}, [], "", "   ", 0, True, {"errors": []}, [[[]]], {"message": ""}, "{}"]
)
def test_an_error_that_says_nothing_is_unknown(errors: object) -> None:
    """No words, no code, no status: unknown, without a rule."""
    found = classify(errors)
    assert (found.cause, found.rule, found.code) == (Cause.UNKNOWN, None, None)


def test_a_code_alone_never_outweighs_words() -> None:
    """A shared or contradicting code leaves the decision to the words beside it."""
    assert classify({"code": "5010", "message": "Account Period Closed"}).cause is Cause.PERIOD_LOCKED
    assert (
        classify({"code": "2500", "message": "Accounts element id 7 not found"}).cause
        is Cause.MISSING_LEDGER_ACCOUNT
    )
    assert classify({"code": "3001", "message": "Customer not found"}).cause is Cause.REFERENCE_NOT_FOUND
    assert classify("Account code '503' must be specified").cause is Cause.MISSING_LEDGER_ACCOUNT


def test_the_text_for_people_is_one_printable_line() -> None:
    """Line breaks, control characters and length are tamed in what people see."""
    found = classify("Stale Object\u0000 Error:\r\n\tsomebody \x1b[31mwas\u2028faster. " + "x" * 5_000)
    assert found.text.isprintable()
    assert len(found.text) == TEXT_SHOWN_MAX


def test_equal_wordings_share_a_group() -> None:
    """Texts that differ in names, numbers, ids, dates and quotes are one group."""
    one = classify("Gizmo 'Acme Ltd' (INV-2041) was refused by Craig Carlson on 2026-01-31: 12.50 EUR")
    two = classify('Gizmo "Beta" (7fe1-22) was refused by Christian Pelczarski on 2025-12-01: 8 EUR')
    other = classify("Gizmo 'Acme Ltd' (INV-2041) was lost")
    assert one.cause is Cause.UNKNOWN
    assert one.group == two.group
    assert one.group != other.group


def test_groups_of_the_corpus_are_few() -> None:
    """Most rows of one template in the corpus fall into fewer groups than they are."""
    stale = {classify(row.message).group for row in corpus() if row.id in {22, 35, 55, 106}}
    tax = {classify(row.message).group for row in corpus() if row.id in {167, 192, 251}}
    assert len(stale) <= 3
    assert tax == {"the taxtype code # cannot be used with account code #"}


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda children: (
        st.lists(children, max_size=5)
        | st.dictionaries(
            st.sampled_from(["message", "Detail", "code", "errors", "status", "type", "field"]) | st.text(),
            children,
        )
    ),
    max_leaves=25,
)


def is_well_formed(found: Classification) -> bool:
    """Whether an answer keeps all its bounds."""
    return (
        found.cause in set(Cause)
        and len(found.text) <= TEXT_SHOWN_MAX
        and len(found.group) <= GROUP_MAX
        and found.rules_version >= 1
    )


@settings(max_examples=400, deadline=None)
@given(json_values)
def test_no_value_raises(errors: Any) -> None:
    """Any JSON value, as it is and printed as JSON, gets a well-formed answer, the same each time."""
    assert is_well_formed(classify(errors))
    assert classify(errors) == classify(errors)
    assert is_well_formed(classify(json.dumps(errors)))


words = st.sampled_from(
    [
        '{"',
        "<Error code=",
        "Message",
        "</Detail>",
        "\\",
        '"',
        "'",
        "[",
        "}",
        "not",
        "account",
        "expired",
        "#1:",
        "\u2028",
    ]
)


@settings(max_examples=400, deadline=None)
@given(st.text() | st.lists(words | st.text(max_size=5)).map(" ".join))
def test_no_text_raises(text: str) -> None:
    """Any text, and any heap of the marks that wrappers are made of, gets a well-formed answer."""
    assert is_well_formed(classify(text))
    assert normalise(normalise(text)) == normalise(text)


@settings(max_examples=100, deadline=None)
@given(
    st.sampled_from(corpus()), st.lists(st.sampled_from(["message", "error", "errors", "detail"]), max_size=6)
)
def test_wrapping_never_makes_a_push_safe(row: Any, keys: list[str]) -> None:
    """However deep a message is wrapped, its cause is the one of the bare message."""
    errors: object = row.message
    for key in keys:
        errors = {key: [errors]} if key == "errors" else {key: errors}
    assert classify(errors).cause is classify(row.message).cause


OPENED = (
    "<script>" * 2_000,
    "<style>" * 1_100 + "<script></script>" * 450,
    "<script>" * 1_000 + "x" * 7_900 + "</script>",
    "<Error>" * 2_200,
    "<Error><Message>" * 1_000,
    ("<Error>" + "<Message>" * 430 + "</Error>") * 4,
    "error='" * 1_100,
)
"""Strings of which each opening tag or quote could have its end looked for up to the end."""


def test_enormous_and_endless_errors_are_bounded() -> None:
    """Ten megabytes of text, endless nesting, a million keys, tags without an end: all is read at once."""
    deep: object = "Account period closed"
    for _ in range(5_000):
        deep = [deep]
    began = time.process_time()
    for errors in (
        "x" * 10_000_000,
        '{"message": "' * 500_000,
        "[" * 1_000_000,
        "<Error " * 1_000_000,
        "<" * 1_000_000,
        {str(number): "x" for number in range(200_000)},
        ["not found"] * 200_000,
        deep,
        *({"errors": [{"message": opened}] * 100} for opened in OPENED),
    ):
        found = problems(errors)
        assert all(len(problem.text) <= PROBLEM_MAX + 200 for problem in found)
        assert is_well_formed(classify(errors))
    assert time.process_time() - began < 5


def test_a_record_has_a_budget_of_characters() -> None:
    """Of one record no more characters are read than its budget, however many strings they come in."""
    texts = problems({"errors": [{"message": f"{number} " + "x" * 20_000} for number in range(15)]})
    assert len(texts) == CHARACTERS_MAX // TEXT_MAX


def test_elements_end_where_they_are_closed() -> None:
    """Scripts are cut out up to their own closing tag, and an error without one ends with the text."""
    page = "<style>a</script></STYLE> one <script src='x'><style></script> two <script> three"
    assert one_line(strip_markup(page)) == "one two three"
    faults = xml_faults("<Error code='17'><Message>One</Message></Error> <Error><detail>Two<Message>Three\n")
    assert [(fault.text, fault.codes) for fault in faults] == [("One", ("17",)), ("Two Three", ())]
    far = "<Error>" + "x" * 4_100 + "<Error><Message>near"
    assert [fault.text for fault in xml_faults(far)] == ["near"]
