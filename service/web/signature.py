"""The signature of a webhook: who sent these bytes, and when.

`t=<unix seconds>,v1=<hex>` over `<t>.<raw body>`, keyed with the whole secret. Everything is compared in
constant time, and every secret with every signature, so that neither time nor order tells which one nearly
fitted. A header that is missing, doubled or cannot be read is refused: guessing what it meant would be
trusting a stranger.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Sequence
from enum import StrEnum

import msgspec

AHEAD_SECONDS_MAX = 300.0
"""How far a sender's clock may run ahead of the database's."""

HEADER_BYTES_MAX = 4096
"""Room for `t` and a dozen signatures of the longer digest."""

SIGNATURES_MAX = 10
"""Signatures of one delivery: one a live secret, with some to spare; each costs an HMAC a secret."""

_TIMESTAMP = re.compile(rb"[0-9]{1,12}")


class Refusal(StrEnum):
    """Why a delivery is turned away, as counted in metrics."""

    MISSING = "signature_missing"
    DOUBLED = "signature_doubled"
    MALFORMED = "signature_malformed"
    WRONG = "signature_wrong"
    TOO_OLD = "signature_too_old"
    TOO_NEW = "signature_too_new"


class SignatureRefused(Exception):  # noqa: N818 - names what is the case
    """The bytes are not from whom they claim, or not from when."""

    def __init__(self, refusal: Refusal) -> None:
        self.refusal = refusal
        super().__init__(refusal.value)


class Signature(msgspec.Struct, frozen=True):
    """What a signature header says: the time as it was written, and the signatures offered."""

    timestamp: bytes
    offered: Sequence[bytes]

    @property
    def at(self) -> float:
        """When the sender signed, in Unix seconds of its own clock."""
        return float(self.timestamp)


def find(headers: Sequence[tuple[bytes, bytes]], names: Sequence[bytes]) -> Signature:
    """Read the first header present among `names`, in lower case; refuse one that cannot be read."""
    for name in names:
        values = [value for key, value in headers if key == name]
        if len(values) > 1:
            raise SignatureRefused(Refusal.DOUBLED)
        if values:
            return parse(values[0])
    raise SignatureRefused(Refusal.MISSING)


def parse(header: bytes) -> Signature:
    """Take one header apart; unknown parts are left aside, a second `t` is refused."""
    if len(header) > HEADER_BYTES_MAX:
        raise SignatureRefused(Refusal.MALFORMED)
    timestamps: list[bytes] = []
    offered: list[bytes] = []
    for part in header.split(b","):
        name, equals, value = part.strip(b" \t").partition(b"=")
        if equals and name == b"t":
            timestamps.append(value)
        elif equals and name == b"v1":
            offered.append(value.lower())
    if len(timestamps) != 1 or not _TIMESTAMP.fullmatch(timestamps[0]):
        raise SignatureRefused(Refusal.MALFORMED)
    if not 1 <= len(offered) <= SIGNATURES_MAX or not all(offered):
        raise SignatureRefused(Refusal.MALFORMED)
    return Signature(timestamp=timestamps[0], offered=offered)


def keyed(secrets: Sequence[bytes], digest: str) -> Sequence[hmac.HMAC]:
    """Prepare secrets for `require_authentic`; an empty one is left out, since it signs for everybody."""
    return [hmac.new(secret, digestmod=digest) for secret in secrets if secret]


def require_authentic(signature: Signature, body: bytes, keys: Sequence[hmac.HMAC]) -> None:
    """Raise `SignatureRefused` unless one of the keys made one of the signatures."""
    is_authentic = False
    for key in keys:
        made = key.copy()
        made.update(signature.timestamp + b"." + body)
        expected = made.hexdigest().encode()
        for offered in signature.offered:
            is_authentic |= hmac.compare_digest(expected, offered)
    if not is_authentic:
        raise SignatureRefused(Refusal.WRONG)


def require_timely(signature: Signature, now: float, tolerance_seconds: float) -> None:
    """Raise `SignatureRefused` unless it was signed within the tolerance; `now` is the database's time."""
    age_seconds = now - signature.at
    if age_seconds > tolerance_seconds:
        raise SignatureRefused(Refusal.TOO_OLD)
    if -age_seconds > AHEAD_SECONDS_MAX:
        raise SignatureRefused(Refusal.TOO_NEW)
