"""Why pushes fail, in the words of the platforms, inside the wrapping of an aggregator.

The causes are those that the hub's documentation names or that integrations meet daily. A cause is the truth a test
compares with; the API shows only a text, worded by the platform, laid out in one of several shapes.
"""

from __future__ import annotations

import json
from enum import StrEnum
from typing import TYPE_CHECKING

from service.simulator.behaviour import ErrorsShape
from service.simulator.connections import Platform

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from service.simulator.chance import Chance


class Cause(StrEnum):
    """Causes that the simulated books can produce."""

    RATE_LIMITED = "rate_limited"
    PLATFORM_UNAVAILABLE = "platform_unavailable"
    ACCESS_TOKEN_EXPIRED = "access_token_expired"  # noqa: S105 - the name of a cause
    TIMEOUT_AMBIGUOUS = "timeout_ambiguous"
    PLATFORM_INTERNAL_ERROR = "platform_internal_error"
    DUPLICATE_DOCUMENT_NUMBER = "duplicate_document_number"
    CONNECTION_REVOKED = "connection_revoked"
    MISSING_TAX_RATE = "missing_tax_rate"
    MISSING_LEDGER_ACCOUNT = "missing_ledger_account"
    PERIOD_LOCKED = "period_locked"
    DUPLICATE_NAME = "duplicate_name"
    MULTIPLE_MATCHES = "multiple_matches"
    REFERENCE_NOT_FOUND = "reference_not_found"
    INVALID_FIELD = "invalid_field"
    UNKNOWN = "unknown"


def _fault(code: str, message: str, detail: str) -> str:
    """Lay a QuickBooks error out as its API answers it."""
    error = {"Message": message, "Detail": detail, "code": code, "element": ""}
    return json.dumps({"Fault": {"Error": [error], "type": "ValidationFault"}})


_BUSINESS = "A business validation error has occurred while processing your request"

TEXTS: Mapping[Cause, Mapping[Platform, Sequence[str]]] = {
    Cause.RATE_LIMITED: {
        Platform.QUICKBOOKS: (
            "message=ThrottleExceeded; errorCode=003001; statusCode=429: The request limit was reached. Try again later",
        ),
        Platform.XERO: ("The API rate limit for your organisation/application pairing has been exceeded.",),
    },
    Cause.PLATFORM_UNAVAILABLE: {
        Platform.QUICKBOOKS: ("503 Service Temporarily Unavailable",),
        Platform.XERO: (
            "The organisation temporarily cannot be connected to.",
            "Could not resolve host: api.xero.com",
        ),
    },
    Cause.ACCESS_TOKEN_EXPIRED: {
        Platform.QUICKBOOKS: (
            "message=AuthenticationFailed; errorCode=003200; statusCode=401: Token expired",
        ),
        Platform.XERO: ("Unauthorized: TokenExpired: token expired",),
    },
    Cause.TIMEOUT_AMBIGUOUS: {
        Platform.QUICKBOOKS: (
            "cURL error during making API call. cURL Error Number:[28] with error:"
            "[Operation timed out after 15001 milliseconds with 0 bytes received]",
            "message=GatewayTimeout; errorCode=006002; statusCode=504",
        ),
        Platform.XERO: (
            "Error: socket hang up (ECONNRESET)",
            "504 Server Timeout: The request timed out from the server.",
        ),
    },
    Cause.PLATFORM_INTERNAL_ERROR: {
        Platform.QUICKBOOKS: (
            "An application error has occurred while processing your request: System Failure Error: "
            "java.lang.Throwable: no information",
        ),
        Platform.XERO: (
            "An unhandled error with the Xero API. Contact the Xero API team if problems persist.",
        ),
    },
    Cause.DUPLICATE_DOCUMENT_NUMBER: {
        Platform.QUICKBOOKS: (
            _fault(
                "6140",
                "Duplicate Document Number Error",
                "Duplicate Document Number Error : You must specify a different number. This number has already been used. "
                "DocNumber={number} is assigned to TxnType=Invoice",
            ),
        ),
        Platform.XERO: (
            "A validation exception occurred: Invoice # must be unique. {number} is already in use.",
        ),
    },
    Cause.CONNECTION_REVOKED: {
        Platform.QUICKBOOKS: (
            '{"error_description":"Incorrect or invalid refresh token","error":"invalid_grant"}',
        ),
        Platform.XERO: ("Authentication with Xero failed: invalid_grant", "Xero connection has expired"),
    },
    Cause.MISSING_TAX_RATE: {
        Platform.QUICKBOOKS: (
            _fault(
                "6000",
                _BUSINESS,
                "Business Validation Error: Make sure all your transactions have a VAT rate before you save.",
            ),
        ),
        Platform.XERO: (
            "A validation exception occurred: The TaxType code NONE does not exist or cannot be used for this type of transaction.",
        ),
    },
    Cause.MISSING_LEDGER_ACCOUNT: {
        Platform.QUICKBOOKS: (
            _fault(
                "2500",
                "Invalid Reference Id",
                "Invalid Reference Id : Accounts element id {account} not found",
            ),
        ),
        Platform.XERO: ("A validation exception occurred: Account code or ID must be specified",),
    },
    Cause.PERIOD_LOCKED: {
        Platform.QUICKBOOKS: (
            _fault(
                "6210",
                "Account Period Closed, Cannot Update Through Services API",
                "The account period has closed and the account books cannot be updated through the QBO Services API. "
                "Please use the QBO website to make these changes.",
            ),
        ),
        Platform.XERO: (
            "A validation exception occurred: The document date cannot be before the period lock date {locked_until}",
        ),
    },
    Cause.DUPLICATE_NAME: {
        Platform.QUICKBOOKS: (
            _fault(
                "6240",
                "Duplicate Name Exists Error",
                "The name supplied already exists. : Another customer, vendor or employee is already using this name. "
                "Please use a different name.",
            ),
        ),
        Platform.XERO: (
            "The contact name {name} is already assigned to another contact. The contact name must be unique.",
        ),
    },
    Cause.MULTIPLE_MATCHES: {
        Platform.QUICKBOOKS: ("Multiple QuickBooks items could match {name}: link the right one manually.",),
        Platform.XERO: ("Multiple Xero items match the name {name}.",),
    },
    Cause.REFERENCE_NOT_FOUND: {
        Platform.QUICKBOOKS: ("Related invoice {number} was not found",),
        Platform.XERO: ("Payment could not be synced because related Invoice {number} was not found",),
    },
    Cause.INVALID_FIELD: {
        Platform.QUICKBOOKS: (
            _fault(
                "2050",
                "String length is either shorter or longer than supported by specification",
                "String length specified does not match the supported length. Min:0 Max:21 supported. Supplied length:{length}",
            ),
        ),
        Platform.XERO: (
            "A validation exception occurred: Invoice number is too long, Max:255 supported. Supplied length:{length}",
        ),
    },
    Cause.UNKNOWN: {
        Platform.QUICKBOOKS: ("Could not export. Correlation {correlation}",),
        Platform.XERO: ("A validation exception occurred", "Failed to sync invoice"),
    },
}
"""The platform's words per cause; a name in braces is filled in."""


def text_of(cause: Cause, platform: Platform, details: Mapping[str, object], chance: Chance) -> str:
    """Word a failure as the platform would."""
    text = chance.pick(TEXTS[cause][platform])
    for name, value in details.items():
        text = text.replace("{" + name + "}", str(value))
    return text


_SHAPES = (ErrorsShape.MESSAGE, ErrorsShape.LIST, ErrorsShape.NESTED)


def errors_object(text: str, platform: Platform, shape: ErrorsShape, chance: Chance) -> object:
    """Wrap the platform's words as the provider hands them on; `shape` says in which layout."""
    system = "Xero" if platform is Platform.XERO else "QuickBooks Online"
    wrapped = f"Push to {system} failed: {text}"
    if shape is ErrorsShape.MIXED:
        shape = chance.pick(_SHAPES)
    if shape is ErrorsShape.LIST:
        return {"errors": [{"message": wrapped}]}
    if shape is ErrorsShape.NESTED:
        return {
            "provider": "railz",
            "status": "failed",
            "validation": {"errors": [{"field": None, "message": text}]},
        }
    if shape is ErrorsShape.BARE_STRING:
        return wrapped
    if shape is ErrorsShape.BARE_LIST:
        return [{"message": wrapped}]
    return {"message": wrapped}
