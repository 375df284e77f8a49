"""Traces: spans of ours over OTLP, whole and nested, with nothing in them that is not on the list."""

from __future__ import annotations

import sys

import pytest

from service import tracing
from service.commands.inspection import Mark, inspect_traces
from service.errors import TieoutError
from service.settings import Settings
from tests.channels.receiver import Answer, receiving
from tests.collector import spans


async def test_spans_arrive_nested_and_tell_no_text() -> None:
    """What runs inside a span is a part of it; of an exception the class is told, never its words."""
    async with receiving() as collector:
        url = f"http://127.0.0.1:{collector.port}"
        async with tracing.exporting(url, version="1", replica_id="replica-1"):
            with tracing.span("work poll", worker="poll", organization_id="o-1"):
                with tracing.span("hub list_records", endpoint="list_records") as inner:
                    inner.note(http_status=200, outcome="ok", waited_seconds=None)
            with pytest.raises(ValueError, match="hunter2"), tracing.span("push", trigger="cure"):
                raise ValueError("hunter2")
        found = {each.name: each for each in spans(collector)}
        raw = b"".join(request.content for request in collector.received)
    assert set(found) == {"work poll", "hub list_records", "push"}
    assert found["hub list_records"].parent == found["work poll"].id
    assert found["work poll"].attributes == {"tieout.worker": "poll", "tieout.organization_id": "o-1"}
    assert found["hub list_records"].attributes == {
        "tieout.endpoint": "list_records",
        "http.response.status_code": "200",
        "tieout.outcome": "ok",
    }
    assert found["push"].attributes == {"tieout.trigger": "cure", "error.type": "ValueError"}
    assert found["push"].events == 0
    assert b"hunter2" not in raw
    assert b"replica-1" in raw


def test_without_an_address_nothing_is_made() -> None:
    """A span where nobody listens is empty, and says so to nobody."""
    with tracing.span("push", trigger="cure") as traced:
        traced.note(outcome="accepted")
    assert tracing._Sending.tracer is None


async def test_a_span_bears_only_what_is_on_the_list() -> None:
    """An attribute that nobody has thought about is our own mistake."""
    async with receiving() as collector:
        url = f"http://127.0.0.1:{collector.port}/"
        async with tracing.exporting(url, version="1", replica_id="r"):
            with pytest.raises(AssertionError, match="no attribute"), tracing.span("push", document_id="x"):
                pass


async def test_a_collector_in_trouble_stops_nobody() -> None:
    """One that refuses everything loses traces, and nothing else."""
    async with receiving() as collector:
        collector.answer(Answer(status=400))
        async with tracing.exporting(f"http://127.0.0.1:{collector.port}", version="1", replica_id="r"):
            with tracing.span("push"):
                pass
        assert len(collector.received) == 1


async def test_without_the_extra_its_name_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever asks for traces and lacks OpenTelemetry learns how to get it."""
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    with pytest.raises(TieoutError) as raised:
        async with tracing.exporting("http://127.0.0.1:1", version="1", replica_id="r"):
            pass
    assert "TIEOUT_TELEMETRY_OTLP_URL" in str(raised.value)
    assert tracing.EXTRA in str(raised.value)


def test_check_tells_whether_traces_can_be_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    """`tieout check` says nothing where none are wanted, and names the extra where it is missing."""
    environ = {"HOME": "/nowhere", "TIEOUT_TELEMETRY_OTLP_URL": "http://collector:4318"}
    wanted = Settings.from_environment(environ, require_hub=False)
    assert inspect_traces(Settings.from_environment({"HOME": "/nowhere"}, require_hub=False)) == []
    assert [each.mark for each in inspect_traces(wanted)] == [Mark.FINE]
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    (finding,) = inspect_traces(wanted)
    assert (finding.mark, finding.remedy) == (Mark.WRONG, tracing.EXTRA)


@pytest.mark.parametrize(
    ("url", "endpoint"),
    [
        ("http://collector:4318", "http://collector:4318/v1/traces"),
        ("http://collector:4318/", "http://collector:4318/v1/traces"),
        ("https://traces.example.org/otlp/v1/traces", "https://traces.example.org/otlp/v1/traces"),
    ],
)
def test_the_usual_path_is_added(url: str, endpoint: str) -> None:
    """An address without a path gets the one that OTLP has for traces; another is taken as it is."""
    assert tracing.endpoint_of(url) == endpoint
