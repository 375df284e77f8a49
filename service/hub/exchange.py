"""One request on the wire, within a deadline and a size.

The HTTP client's own time-outs are per chunk: a peer that sends a byte now and then is never late. Its
decoder inflates whole chunks: 64 kB of a crafted body become 64 MB at once. So here one deadline stands
around everything, connecting included, and bodies are inflated by us, in bounded steps, up to a size.

What is raised says what became of the request. Only what surely happened before the first byte counts as not
sent: no connection (which covers names, addresses and TLS), or none free in the pool. Connecting and waiting
for the pool have time-outs of their own, which together end before the deadline does; so the deadline means
*sent, no answer*.
"""

from __future__ import annotations

import asyncio
import importlib.util
import sys
import zlib
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any, Final

import httpx

from service.errors import Fate, HubError, HubFailure

BODY_BYTES_MAX: Final = 16 * 1024 * 1024
"""Decoded. A page of 500 invoices of 60 lines each has about 10 MB; decoded to objects it takes some five
times that."""

CONNECTIONS_MAX: Final = 64
"""At 30 requests a second, all of them taking two seconds; beyond that, waiting in the budget is fairer than
here."""

KEEPALIVE_SECONDS: Final = 3.0
"""Shorter than servers keep idle connections (5 s are common), so that a push seldom meets one just being
closed."""

SHARE_BEFORE_SENDING: Final = 0.25
"""Of the deadline: each for a free connection, for TCP and for TLS. Three quarters at most pass before the
first byte."""

_INFLATE_STEP: Final = 64 * 1024
_BEFORE_BYTES: Final = "http11.send_request_headers.started"

BeforeBytes = Callable[[], Awaitable[None]]


class AnswerTooLarge(HubError):  # noqa: N818 - names what is the case, like the rest of the tree
    """The answer exceeds `BODY_BYTES_MAX`; a smaller page may not."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: status, headers, and the whole body, decoded."""

    status: int
    headers: httpx.Headers
    body: bytes


def open_http(
    *,
    base_url: str,
    timeout_seconds: float,
    service_version: str,
    connections_max: int = CONNECTIONS_MAX,
    transport: httpx.AsyncBaseTransport | None = None,
) -> httpx.AsyncClient:
    """Open the HTTP client for the hub: TLS verified, no redirects, no repetitions, no proxies, no cookies.

    A cookie kept from one organization's answer would travel with the next one's request. What a cache on the
    way kept may be older than what it is told to show, and prove absent what is there: none may answer
    unasked (RFC 9111, 5.2.1.4).
    """
    note_missing_modules()
    share = timeout_seconds * SHARE_BEFORE_SENDING
    return httpx.AsyncClient(
        base_url=base_url,
        headers={
            "User-Agent": f"tieout/{service_version}",
            "Accept": "application/json",
            "Accept-Encoding": "gzip",
            "Cache-Control": "no-cache",
        },
        timeout=httpx.Timeout(timeout_seconds, connect=share, pool=share),
        limits=httpx.Limits(
            max_connections=connections_max,
            max_keepalive_connections=connections_max,
            keepalive_expiry=KEEPALIVE_SECONDS,
        ),
        cookies=CookieJar(policy=DefaultCookiePolicy(allowed_domains=[])),
        follow_redirects=False,
        trust_env=False,
        verify=True,
        transport=transport,
    )


def note_missing_modules() -> None:
    """Let Python remember that sniffio is not there, where it is not.

    httpcore imports it several times a request and does without; each time Python looks through all folders,
    which is a third of what a request costs.
    """
    if "sniffio" not in sys.modules and importlib.util.find_spec("sniffio") is None:
        sys.modules["sniffio"] = None  # type: ignore[assignment]  # that is how it is remembered


async def exchange(
    http: httpx.AsyncClient,
    request: httpx.Request,
    *,
    doing: str,
    timeout_seconds: float,
    before_bytes: BeforeBytes | None = None,
) -> Answer:
    """Send `request` and read its answer whole, or raise `HubError`; `doing` begins its message.

    `before_bytes` is awaited when the connection is open and the first byte is about to leave. Transports
    within the process have no such moment.
    """
    if before_bytes is not None:
        request.extensions = {**request.extensions, "trace": _call_before_bytes(before_bytes)}
    try:
        async with asyncio.timeout(timeout_seconds) as deadline:
            return await _send(http, request, doing)
    except TimeoutError as error:
        if not deadline.expired():
            raise _broken(doing, error) from error
        raise HubError(
            f"{doing}: no whole answer within {timeout_seconds:g} s",
            failure=HubFailure.TIMEOUT,
            fate=Fate.UNCERTAIN,
        ) from error
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
        raise _broken(doing, error) from error


async def _send(http: httpx.AsyncClient, request: httpx.Request, doing: str) -> Answer:
    response = await http.send(request, stream=True, follow_redirects=False)
    try:
        body = bytearray()
        decoder = _Decoder(response, doing)
        async for piece in response.aiter_raw():
            for part in decoder.decode(piece):
                body += part
                if len(body) > BODY_BYTES_MAX:
                    raise _too_large(doing, response)
        decoder.finish()
        return Answer(response.status_code, response.headers, bytes(body))
    finally:
        await response.aclose()


class _Decoder:
    """Undoes the one compression that we ask for, in steps of bounded size."""

    def __init__(self, response: httpx.Response, doing: str) -> None:
        self._response = response
        self._doing = doing
        encoding = response.headers.get("Content-Encoding", "identity").strip().lower()
        if encoding not in {"identity", "", "gzip", "x-gzip"}:
            raise _unreadable(doing, response, "is compressed in a way that was not asked for")
        is_plain = encoding in {"identity", ""}
        self._inflater = None if is_plain else zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)

    def decode(self, piece: bytes) -> Iterator[bytes]:
        """Give what `piece` holds; what follows the end of the compressed body is ignored."""
        if self._inflater is None:
            yield piece
            return
        try:
            while piece and not self._inflater.eof:
                yield self._inflater.decompress(piece, _INFLATE_STEP)
                piece = self._inflater.unconsumed_tail
        except zlib.error as error:
            raise _unreadable(self._doing, self._response, "cannot be decompressed") from error

    def finish(self) -> None:
        """Refuse a body that was cut off."""
        if self._inflater is not None and not self._inflater.eof:
            raise _unreadable(self._doing, self._response, "ends in the middle of its compressed body")


def _too_large(doing: str, response: httpx.Response) -> AnswerTooLarge:
    return AnswerTooLarge(
        f"{doing}: the answer exceeds {BODY_BYTES_MAX // 1024 // 1024} MB",
        failure=HubFailure.UNREADABLE,
        fate=Fate.UNCERTAIN,
        http_status=response.status_code,
    )


def _unreadable(doing: str, response: httpx.Response, what: str) -> HubError:
    return HubError(
        f"{doing}: the answer {what}",
        failure=HubFailure.UNREADABLE,
        fate=Fate.UNCERTAIN,
        http_status=response.status_code,
    )


def _broken(doing: str, error: Exception) -> HubError:
    """Say what an exchange that broke off did to the request."""
    kind = type(error).__name__
    if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout):
        message, failure, fate = "the hub cannot be reached", HubFailure.UNREACHABLE, Fate.NOT_SENT
    elif isinstance(error, httpx.PoolTimeout):
        message, failure, fate = "no connection became free", HubFailure.UNREACHABLE, Fate.NOT_SENT
    elif isinstance(error, httpx.UnsupportedProtocol | httpx.InvalidURL):
        message, failure, fate = "the hub's address is not one", HubFailure.UNREACHABLE, Fate.NOT_SENT
    elif isinstance(error, httpx.TimeoutException):
        message, failure, fate = "the hub stopped answering", HubFailure.TIMEOUT, Fate.UNCERTAIN
    else:
        message, failure, fate = "the connection broke off", HubFailure.UNREACHABLE, Fate.UNCERTAIN
    return HubError(f"{doing}: {message} ({kind})", failure=failure, fate=fate)


def _call_before_bytes(before_bytes: BeforeBytes) -> Callable[[str, dict[str, Any]], Awaitable[None]]:
    async def trace(event: str, _: dict[str, Any]) -> None:
        if event == _BEFORE_BYTES:
            await before_bytes()

    return trace
