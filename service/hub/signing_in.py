"""Asking for an access token, in either documented form.

The form-encoded grant where the address ends in `/connect/token`, JSON anywhere else. Sign-in services have
error shapes of their own (`{"error": "invalid_client"}`), so here any JSON object below 500 that refuses
counts: the credentials are wrong, or the address is. A refusal never quotes the answer, which may quote the
secret.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import httpx
import msgspec

from service.errors import Fate, HubError, HubFailure
from service.hub import judgement
from service.hub.budget import Priority
from service.hub.endpoints import TOKEN
from service.hub.exchange import Answer
from service.hub.sending import Sender, judged

FORM_SUFFIX: Final = "/connect/token"

BACKOFF_SECONDS: Final = 0.5
"""A repetition waits for a random part of it; everything else waits for the token."""

_REFUSALS: Final = frozenset({400, 401, 403, 422})
_PASSING: Final = frozenset({HubFailure.UNREACHABLE, HubFailure.SERVER_ERROR, HubFailure.UNREADABLE})


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """What the partner signs in with, and where."""

    client_id: str
    client_secret: str = field(repr=False)
    token_url: str

    @property
    def is_form(self) -> bool:
        """Whether the grant is sent as a form."""
        return self.token_url.partition("?")[0].rstrip("/").endswith(FORM_SUFFIX)

    def grant(self) -> dict[str, str]:
        """The fields of the grant, the same in both forms."""
        return {
            "grant_type": "client_credentials",
            "client_id": self.client_id,
            "client_secret": self.client_secret,
        }


async def ask_for_token(
    sender: Sender,
    http: httpx.AsyncClient,
    credentials: Credentials,
    headers: dict[str, str],
    jitter: Callable[[], float],
) -> Answer:
    """Ask for a token, once more where the first answer was trouble and no refusal; raises `HubError`."""
    try:
        return await _ask(sender, http, credentials, headers)
    except HubError as error:
        if error.failure not in _PASSING:
            raise
    await asyncio.sleep(jitter() * BACKOFF_SECONDS)
    return await _ask(sender, http, credentials, headers)


async def _ask(
    sender: Sender, http: httpx.AsyncClient, credentials: Credentials, headers: dict[str, str]
) -> Answer:
    try:
        request = http.build_request(
            TOKEN.method,
            credentials.token_url,
            headers=headers,
            data=credentials.grant() if credentials.is_form else None,
            json=None if credentials.is_form else credentials.grant(),
        )
    except (ValueError, httpx.InvalidURL) as error:
        raise HubError(
            f"{TOKEN.doing}: TIEOUT_HUB_TOKEN_URL is no address",
            failure=HubFailure.UNREACHABLE,
            fate=Fate.NOT_SENT,
        ) from error
    answer = await sender.send(request, TOKEN, Priority.TOKEN)
    if _is_refusal(answer):
        raise HubError(
            f"{TOKEN.doing}: the hub does not take the credentials (it answered {answer.status}); check "
            "TIEOUT_HUB_CLIENT_ID, TIEOUT_HUB_CLIENT_SECRET and TIEOUT_HUB_TOKEN_URL",
            failure=HubFailure.UNAUTHORIZED,
            fate=Fate.NOT_SENT,
            http_status=answer.status,
            request_id=judgement.request_id(answer.headers),
        )
    refused = judged(TOKEN, answer)
    if refused is not None:
        raise refused
    return answer


def _is_refusal(answer: Answer) -> bool:
    if answer.status not in _REFUSALS:
        return False
    try:
        return isinstance(msgspec.json.decode(answer.body), dict)
    except (msgspec.MsgspecError, RecursionError, ValueError):
        return False
