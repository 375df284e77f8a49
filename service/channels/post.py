"""One POST to a receiver that we do not know: bounded in time and size, to the judged address alone.

- **Pinned**: the name is resolved here, the judged address is dialled, and the name goes into `Host` and
  into the TLS handshake, so that the certificate is checked against it. No proxy from the environment: it
  would resolve anew.
- **No redirects**: where an answer points to was judged by nobody.
- **One deadline** for all of it, since `httpx` counts per chunk and a drip would never end.
- **A capped, undecoded answer**: a few hundred characters say what is wrong; the rest is not read.
- **A connection per message**: alerts are rare, and a kept connection that the receiver has closed
  meanwhile would make the next message's fate unknown for nothing.
- **It never raises**: an exception would end the run with the message's error left empty, and nobody told.
- **The fate is exact**: until the first byte of the request left, a failure means that it did not arrive.
"""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final
from urllib.parse import unquote

import certifi
import httpx

from service.channels.address import Address, Forbidden, Unresolved, resolve
from service.channels.channel import SENT, Fate, Outcome, one_line

DEADLINE_SECONDS: Final = 10.0
"""A receiver that takes longer to say yes is as good as down; the next channel does not wait for it
anyway."""

CONNECT_SECONDS: Final = 3.0
"""Per address, so that a dead one leaves time for the next."""

ANSWER_BYTES_MAX: Final = 4_096

MASK: Final = "***"
SECRET_CHARACTERS_MIN: Final = 8
"""Shorter parts of an address are words; masking those would leave nothing to read."""

RETRY_AFTER_SECONDS_MAX: Final = 3_600.0
"""A receiver may ask for an hour of silence, not for a week of it."""

_NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol)
_TRY_LATER: Final = frozenset({408, 425, 429})
"""Refusals that are about now, not about the message."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A receiver's address, taken apart."""

    scheme: str
    host: str
    port: int
    path_and_query: str
    authorization: str | None = None

    @property
    def authority(self) -> str:
        """As it stands in `Host`; the usual port is left out."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == default_port(self.scheme) else f"{host}:{self.port}"


def default_port(scheme: str) -> int:
    """The port that a URL without one means."""
    return 443 if scheme == "https" else 80


class Poster:
    """Sends POSTs to one target."""

    def __init__(
        self,
        target: Target,
        *,
        allow_private: bool,
        deadline_seconds: float = DEADLINE_SECONDS,
        secrets: Sequence[str] = (),
    ) -> None:
        """`secrets` are those of the channel that are not in the target's address."""
        self.target = target
        self._secrets = re.compile("|".join(map(re.escape, _secrets_of(target, secrets))) or r"(?!)")
        self._allow_private = allow_private
        self._deadline_seconds = deadline_seconds
        self._client = httpx.AsyncClient(
            verify=_trust() if target.scheme == "https" else True,
            trust_env=False,
            follow_redirects=False,
            timeout=httpx.Timeout(deadline_seconds, connect=CONNECT_SECONDS),
            limits=httpx.Limits(max_connections=4, max_keepalive_connections=0),
        )

    async def close(self) -> None:
        """Let go of connections."""
        await self._client.aclose()

    async def post(
        self, content: bytes, headers: Mapping[str, str], *, path: str | None = None, method: str = "POST"
    ) -> Outcome:
        """Send one body, and say what became of it; `path` is for a target with several."""
        progress = _Progress()
        call = _Call(method, path or self.target.path_and_query, content, headers)
        try:
            async with asyncio.timeout(self._deadline_seconds):
                addresses = await resolve(
                    self.target.host, self.target.port, allow_private=self._allow_private
                )
                return await self._post_to(addresses, call, progress)
        except (Forbidden, Unresolved) as error:
            return Outcome(fate=Fate.LATER, detail=one_line(str(error)))
        except TimeoutError:
            return progress.failed(f"no answer within {self._deadline_seconds:g} s")
        except httpx.HTTPError as error:
            return progress.failed(_words(error))
        except Exception as error:  # noqa: BLE001 - raised, it would be told nobody; as an outcome, `channel_failing` tells it
            return progress.failed(self._secrets.sub(MASK, _words(error)))

    async def _post_to(self, addresses: Sequence[Address], call: _Call, progress: _Progress) -> Outcome:
        for address in addresses[:-1]:
            try:
                return await self._post_once(address, call, progress)
            except _NOT_SENT:
                continue  # nothing was sent: another address of the same name may answer
        return await self._post_once(addresses[-1], call, progress)

    async def _post_once(self, address: Address, call: _Call, progress: _Progress) -> Outcome:
        target = self.target
        host = f"[{address}]" if address.version == 6 else str(address)  # noqa: PLR2004 - the sixth version
        own = {"host": target.authority, "accept-encoding": "identity", "user-agent": "tieout"}
        if target.authorization:
            own["authorization"] = target.authorization
        request = self._client.build_request(
            call.method,
            f"{target.scheme}://{host}:{target.port}{call.path}",
            content=call.content,
            headers={**own, **call.headers},
            extensions={"sni_hostname": target.host, "trace": progress.trace},
        )
        response = await self._client.send(request, stream=True)
        try:
            # A receiver may repeat what it was sent, and its answer is told on other channels.
            answer = self._secrets.sub(MASK, await _excerpt(response))
            return judge(response.status_code, response.headers, answer)
        finally:
            await response.aclose()


@dataclass(frozen=True, slots=True)
class _Call:
    """What is sent."""

    method: str
    path: str
    content: bytes
    headers: Mapping[str, str]


class _Progress:
    """Whether the request may have left already."""

    def __init__(self) -> None:
        self._has_begun = False

    async def trace(self, event: str, _info: Mapping[str, Any]) -> None:
        """Listen to the connection's own account."""
        if event.endswith("send_request_headers.started"):
            self._has_begun = True

    def failed(self, detail: str) -> Outcome:
        """What a failure at this point means."""
        return Outcome(fate=Fate.UNKNOWN if self._has_begun else Fate.LATER, detail=detail)


def _secrets_of(target: Target, more: Sequence[str]) -> Sequence[str]:
    """What of a channel may be secret, the longest first: parts of its path and query, credentials, keys."""
    parts = re.split(r"[/?&=]", target.path_and_query)
    found = {target.authorization or "", *parts, *(unquote(part) for part in parts), *more}
    return sorted((each for each in found if len(each) >= SECRET_CHARACTERS_MIN), key=len, reverse=True)


def judge(status: int, headers: Mapping[str, str], answer: str) -> Outcome:
    """What an answer means."""
    detail = one_line(f"HTTP {status} {answer}")
    if 200 <= status < 300:  # noqa: PLR2004 - the class of success
        return SENT
    if status in _TRY_LATER or status == 503:  # noqa: PLR2004 - "come back later", by definition
        return Outcome(fate=Fate.LATER, detail=detail, retry_after_seconds=retry_after(headers))
    if status >= 500:  # noqa: PLR2004 - it broke, before or after it took the message
        return Outcome(fate=Fate.UNKNOWN, detail=detail, retry_after_seconds=retry_after(headers))
    if 300 <= status < 400:  # noqa: PLR2004 - the class of redirects
        return Outcome(fate=Fate.REFUSED, detail=f"{detail} (redirects are not followed)")
    return Outcome(fate=Fate.REFUSED, detail=detail)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """The wait that a receiver asks for, in seconds or as a date, within our bound."""
    text = headers.get("retry-after", "").strip()
    if not text:
        return None
    if text.isascii() and text.isdigit() and len(text) < 10:  # noqa: PLR2004 - more digits are no wait
        seconds = float(text)
    else:
        try:
            when = parsedate_to_datetime(text)
        except (ValueError, OverflowError):  # no date, or none that a calendar has
            return None
        when = when if when.tzinfo else when.replace(tzinfo=UTC)
        seconds = (when - datetime.now(UTC)).total_seconds()
    return min(max(seconds, 0.0), RETRY_AFTER_SECONDS_MAX)


async def _excerpt(response: httpx.Response) -> str:
    """The beginning of an answer, as it came; the status is known, so a broken body changes nothing."""
    read = bytearray()
    try:
        async for chunk in response.aiter_raw():
            read += chunk
            if len(read) >= ANSWER_BYTES_MAX:
                break
    except httpx.HTTPError:
        pass
    return bytes(read[:ANSWER_BYTES_MAX]).decode(errors="replace")


def _words(error: Exception) -> str:
    return one_line(f"{type(error).__name__} {error}")


def _trust() -> ssl.SSLContext:
    """The usual authorities and those of the system, so that a company's own can be added there."""
    context = ssl.create_default_context(cafile=certifi.where())
    context.load_default_certs()
    return context
