"""The thirty causes of a failed push, chosen for what they make somebody do, and the seven ways to act."""

from __future__ import annotations

from enum import StrEnum


class Cause(StrEnum):
    """Why a record did not reach the books."""

    RATE_LIMITED = "rate_limited"
    PLATFORM_UNAVAILABLE = "platform_unavailable"
    ACCESS_TOKEN_EXPIRED = "access_token_expired"  # noqa: S105 - the name of a cause
    TIMEOUT_AMBIGUOUS = "timeout_ambiguous"
    PLATFORM_INTERNAL_ERROR = "platform_internal_error"
    STALE_OBJECT = "stale_object"
    DUPLICATE_DOCUMENT_NUMBER = "duplicate_document_number"
    CONNECTION_REVOKED = "connection_revoked"
    PERMISSION_DENIED = "permission_denied"
    SUBSCRIPTION_LAPSED = "subscription_lapsed"
    FEATURE_DISABLED = "feature_disabled"
    MISSING_TAX_RATE = "missing_tax_rate"
    TAX_RATE_NOT_APPLICABLE = "tax_rate_not_applicable"
    MISSING_LEDGER_ACCOUNT = "missing_ledger_account"
    INVALID_ACCOUNT_TYPE = "invalid_account_type"
    INACTIVE_REFERENCE = "inactive_reference"
    REFERENCE_NOT_FOUND = "reference_not_found"
    DUPLICATE_NAME = "duplicate_name"
    MULTIPLE_MATCHES = "multiple_matches"
    PERIOD_LOCKED = "period_locked"
    CURRENCY_NOT_ENABLED = "currency_not_enabled"
    CURRENCY_MISMATCH = "currency_mismatch"
    DOCUMENT_NOT_MODIFIABLE = "document_not_modifiable"
    PAYMENT_NOT_APPLICABLE = "payment_not_applicable"
    AMOUNT_MISMATCH = "amount_mismatch"
    MISSING_REQUIRED_FIELD = "missing_required_field"
    INVALID_FIELD = "invalid_field"
    APP_CONFIGURATION = "app_configuration"
    UNSUPPORTED_REQUEST = "unsupported_request"
    UNKNOWN = "unknown"


class Action(StrEnum):
    """What a cause makes somebody do."""

    WAIT = "wait"
    """Nothing was done on the other side and time cures it."""
    LOOK = "look"
    """Something may have been done: read the books before anything else."""
    RECONNECT = "reconnect"
    """The organization's accounting admin restores access; one cure frees all."""
    SET_UP = "set_up"
    """Something is missing or unsuitable in the accounting system; one cure frees many."""
    CORRECT = "correct"
    """This one document or counterpart must change."""
    ENGINEER = "engineer"
    """Keys, scopes, code or provider: a matter for operations."""
    READ = "read"
    """No known cause: somebody reads the raw text."""
