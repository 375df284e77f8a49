"""Traces: where the time of a unit of work, a call to the hub, a push or a batch of webhooks goes.

They are sent over OTLP by the extra `tieout[telemetry]`, and only where TIEOUT_TELEMETRY_OTLP_URL is set:
without it nothing of OpenTelemetry is imported, and a span costs a function call.

A span says what kind of thing was done and how it ended, in words of ours, and for which organization. It
never bears a secret, a text from outside, or the id of anything that is money: its attributes come from the
list below, and of an exception it tells the class alone.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Final, TypeAlias
from urllib.parse import urlsplit

from service.errors import TieoutError

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Span, Tracer

VARIABLE: Final = "TIEOUT_TELEMETRY_OTLP_URL"
EXTRA: Final = "pip install 'tieout[telemetry]'"
PATH: Final = "/v1/traces"

EXPORT_SECONDS: Final = 5.0
"""A collector that takes longer loses traces; the service waits for none of it, except so long at its end."""

VALUE_CHARACTERS_MAX: Final = 100
"""All our words are shorter."""

ATTRIBUTES: Final = frozenset(
    {
        "tieout.organization_id",
        "tieout.worker",
        "tieout.endpoint",
        "tieout.purpose",
        "tieout.waited_seconds",
        "tieout.outcome",
        "tieout.trigger",
        "tieout.evidence",
        "tieout.events",
        "http.response.status_code",
        "error.type",
    }
)
"""What a span may say. `tieout.organization_id` is the only id among it."""

Value: TypeAlias = str | int | float | bool


class _Sending:
    """Who makes spans in this process; nobody until `exporting` says so."""

    tracer: Tracer | None = None


class Traced:
    """A span that is open, or none where nobody listens."""

    def __init__(self, span: Span | None) -> None:
        self._span = span

    def note(self, **attributes: Value | None) -> None:
        """Add what became known; names are written with an underscore for each dot and without our prefix."""
        if self._span is not None:
            for name, value in attributes.items():
                if value is not None:
                    self._span.set_attribute(_attribute(name), value)


@contextmanager
def span(name: str, **attributes: Value | None) -> Iterator[Traced]:
    """Trace what the block does, as a part of whatever is traced around it."""
    tracer = _Sending.tracer
    if tracer is None:
        yield Traced(None)
        return
    with tracer.start_as_current_span(name, record_exception=False, set_status_on_exception=False) as opened:
        traced = Traced(opened)
        traced.note(**attributes)
        try:
            yield traced
        except BaseException as error:
            traced.note(error_type=type(error).__name__)
            raise


def _attribute(name: str) -> str:
    found = {"http_status": "http.response.status_code", "error_type": "error.type"}.get(
        name, f"tieout.{name}"
    )
    assert found in ATTRIBUTES, f"{found} is no attribute that a span may bear"
    return found


@asynccontextmanager
async def exporting(url: str | None, *, version: str, replica_id: str) -> AsyncIterator[None]:
    """Send spans there while the block runs; without an address nothing is made."""
    if url is None:
        yield
        return
    provider = _provider(url, version=version, replica_id=replica_id)
    _Sending.tracer = provider.get_tracer("tieout", version)
    try:
        yield
    finally:
        _Sending.tracer = None
        await asyncio.to_thread(provider.shutdown)


def require_extra() -> None:
    """Raise `TieoutError` where traces are asked for and cannot be sent."""
    try:
        import opentelemetry.exporter.otlp.proto.http.trace_exporter  # noqa: PLC0415 - an extra
        import opentelemetry.sdk.trace  # noqa: F401, PLC0415
    except ImportError:
        raise TieoutError(f"{VARIABLE}: traces need an extra that is not installed; {EXTRA}") from None


def _provider(url: str, *, version: str, replica_id: str) -> TracerProvider:
    require_extra()
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415
    from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
    from opentelemetry.sdk.trace import SpanLimits, TracerProvider  # noqa: PLC0415
    from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415

    about = {"service.name": "tieout", "service.version": version, "service.instance.id": replica_id}
    provider = TracerProvider(
        resource=Resource(about),
        span_limits=SpanLimits(max_span_attribute_length=VALUE_CHARACTERS_MAX),
        shutdown_on_exit=False,
    )
    exporter = OTLPSpanExporter(endpoint=endpoint_of(url), timeout=EXPORT_SECONDS)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    return provider


def endpoint_of(url: str) -> str:
    """The address of traces: the path that OTLP has for them is added where none is given."""
    return url if urlsplit(url).path not in {"", "/"} else url.rstrip("/") + PATH
