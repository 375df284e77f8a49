"""An OTLP collector on loopback: it takes what is posted to `/v1/traces`, and tells the spans in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.channels.receiver import Receiver


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One span as the collector has it."""

    name: str
    id: bytes
    parent: bytes
    attributes: Mapping[str, str]
    events: int


def spans(receiver: Receiver) -> Sequence[Seen]:
    """Every span that arrived."""
    found: list[Seen] = []
    for request in receiver.received:
        assert (request.method, request.path) == ("POST", "/v1/traces")
        assert request.headers["content-type"] == "application/x-protobuf"
        for resource in ExportTraceServiceRequest.FromString(request.content).resource_spans:
            for scope in resource.scope_spans:
                found.extend(
                    Seen(
                        name=span.name,
                        id=span.span_id,
                        parent=span.parent_span_id,
                        attributes={
                            each.key: str(
                                getattr(each.value, each.value.WhichOneof("value") or "string_value")
                            )
                            for each in span.attributes
                        },
                        events=len(span.events),
                    )
                    for span in scope.spans
                )
    return found
