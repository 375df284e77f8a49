"""`opsgenie://API_KEY`: alerts by Opsgenie's Alert API, version 2.

The fingerprint, behind the installation's name where it has one, is the alias: every message of an alert goes
to one Opsgenie alert, the end closes it by that alias, and a regression opens a new one. A further create of
an open alias raises a counter there and changes no text, so what is new is said in its note; a severity that
rose is set by a call of its own, before it.

Accounts in Europe add `?region=eu`. `opsgenie+http(s)://API_KEY@host/path` sends through a proxy of one's
own, or to whatever else speaks this API; the path is that of its list of alerts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote, unquote

import msgspec

from service.channels import wording
from service.channels.channel import SENT, Fate, Message, Outcome, digest
from service.channels.post import Poster, Target
from service.channels.url import Unusable, split, target
from service.domain.alerts.text import amounts

HOST_BY_REGION: Final[Mapping[str, str]] = {"us": "api.opsgenie.com", "eu": "api.eu.opsgenie.com"}
PATH: Final = "/v2/alerts"

KEY_CHARACTERS_MIN: Final = 20
KEY_CHARACTERS_MAX: Final = 128
ALIAS_MAX: Final = 512
MESSAGE_MAX: Final = 130
DESCRIPTION_MAX: Final = 15_000

PRIORITY_BY_SEVERITY: Final[Mapping[str, str]] = {"critical": "P1", "warning": "P3", "info": "P5"}


class Opsgenie:
    """Opens and closes alerts by one Opsgenie integration."""

    kind = "opsgenie"
    pace_seconds = 0.6
    refresh_seconds = None

    def __init__(self, receiver: Target, key: str, *, allow_private: bool) -> None:
        self._poster = Poster(receiver, allow_private=allow_private, secrets=[key])
        self._path = receiver.path_and_query
        self._headers = {"content-type": "application/json", "authorization": f"GenieKey {key}"}
        self.label = f"Opsgenie at {receiver.authority}"
        self.digest = digest(f"{self.kind} {receiver.authority} {receiver.path_and_query} {key}")

    async def send(self, message: Message) -> Outcome:
        """Open, renew or close one alert."""
        if wording.is_over(message):
            return await self._post(closing(message), path=self._path_of(message, "close"))
        body = message.body
        former = body.get("previous_severity")
        if former and former != body["severity"]:
            risen = {"priority": _priority(body)}
            outcome = await self._post(risen, path=self._path_of(message, "priority"), method="PUT")
            # Refused: it was closed there by hand. The alert that is opened next has the right priority.
            if outcome.fate not in {Fate.SENT, Fate.REFUSED}:
                return outcome
        return await self._post(opening(message), path=self._path)

    async def refresh(self, bodies: Sequence[Mapping[str, Any]]) -> Outcome:  # noqa: ARG002 - nothing to tell again
        """Opsgenie keeps alerts until they are closed."""
        return SENT

    async def close(self) -> None:
        """Let go of connections."""
        await self._poster.close()

    async def _post(self, content: Mapping[str, Any], *, path: str, method: str = "POST") -> Outcome:
        return await self._poster.post(msgspec.json.encode(content), self._headers, path=path, method=method)

    def _path_of(self, message: Message, what: str) -> str:
        return f"{self._path}/{quote(alias(message), safe='')}/{what}?identifierType=alias"


def open_opsgenie(url: str, *, allow_private: bool) -> Opsgenie:
    """Read `opsgenie://KEY[?region=eu]`."""
    parts = split(url)
    region = parts.query.removeprefix("region=") or "us"
    if region not in HOST_BY_REGION:
        raise Unusable("takes ?region=us or ?region=eu, and nothing else")
    receiver = Target(scheme="https", host=HOST_BY_REGION[region], port=443, path_and_query=PATH)
    return Opsgenie(receiver, _key(unquote(parts.netloc)), allow_private=allow_private)


def open_opsgenie_proxy(url: str, *, allow_private: bool) -> Opsgenie:
    """Read `http(s)://KEY@host[:port][/path]`."""
    key = _key(unquote(split(url).username or ""))
    receiver, _ = target(url, allow_private=allow_private, default_path=PATH)
    if "?" in receiver.path_and_query:
        raise Unusable("takes no query after the address of a proxy")
    open_to_all = Target(
        scheme=receiver.scheme, host=receiver.host, port=receiver.port, path_and_query=receiver.path_and_query
    )
    return Opsgenie(open_to_all, key, allow_private=allow_private)


def _key(text: str) -> str:
    is_key = text.isascii() and text.replace("-", "").isalnum()
    if not is_key or not KEY_CHARACTERS_MIN <= len(text) <= KEY_CHARACTERS_MAX:
        raise Unusable("needs the key of an API integration: letters, digits and dashes")
    return text


def alias(message: Message) -> str:
    """By what Opsgenie knows the alert."""
    return message.alert_key[:ALIAS_MAX]


def opening(message: Message) -> Mapping[str, Any]:
    """One alert as Opsgenie takes it."""
    body = message.body
    text = wording.inert("\n".join([wording.title(message), *wording.lines(message)]))
    links = f"{body['url']}\n{body['runbook_url']}"
    return {
        "message": wording.cut(wording.inert(body["summary"]), MESSAGE_MAX),
        "alias": alias(message),
        "description": f"{text[: DESCRIPTION_MAX // 2]}\n{links}",
        "note": text[: DESCRIPTION_MAX // 2],
        "priority": _priority(body),
        "source": "tieout",
        "entity": body["cause"] or body["kind"],
        "tags": ["tieout", body["kind"]],
        "details": {
            "whose_turn": str(body["owner"] or "nobody"),
            "records_count": str(body["records_count"]),
            "organizations_count": str(body["organizations_count"]),
            "money_at_risk": amounts(body["money_at_risk"]),
            "runbook_url": body["runbook_url"],
            "url": body["url"],
            "message": message.key,
            "is_repeat": str(message.is_repeat).lower(),
        },
    }


def closing(message: Message) -> Mapping[str, Any]:
    """What the end is told with."""
    text = wording.inert("\n".join([wording.title(message), *wording.lines(message)]))
    return {"source": "tieout", "note": text[: DESCRIPTION_MAX // 2]}


def _priority(body: Mapping[str, Any]) -> str:
    return PRIORITY_BY_SEVERITY.get(body["severity"], "P3")
