"""An OpenTelemetry collector in this process: the real protocol, kept in memory."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import grpc
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2, metrics_service_pb2_grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc
from opentelemetry.proto.common.v1.common_pb2 import KeyValue


@dataclass(frozen=True)
class Span:
    """A span as it arrived."""

    service: str
    name: str
    trace_id: bytes
    span_id: bytes
    parent_id: bytes
    kind: int
    attributes: Mapping[str, str | int | float | bool]
    links: Sequence[tuple[bytes, str]]
    """Span id and the attribute s2v.link."""


@dataclass
class Collector:
    """Takes traces and metrics over OTLP/gRPC."""

    spans: list[Span] = field(default_factory=list)
    metrics: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    """Names of metrics by service."""
    exemplars: dict[str, set[bytes]] = field(default_factory=lambda: defaultdict(set))
    """Traces that a metric's measurements name as examples, by the metric's name."""

    def start(self) -> None:
        self._server = grpc.server(ThreadPoolExecutor(4))
        trace_service_pb2_grpc.add_TraceServiceServicer_to_server(_Traces(self), self._server)
        metrics_service_pb2_grpc.add_MetricsServiceServicer_to_server(_Metrics(self), self._server)
        self.endpoint = f"http://127.0.0.1:{self._server.add_insecure_port('127.0.0.1:0')}"
        self._server.start()

    def stop(self) -> None:
        self._server.stop(1)

    def trace(self, trace_id: bytes) -> list[Span]:
        return [span for span in list(self.spans) if span.trace_id == trace_id]


class _Traces(trace_service_pb2_grpc.TraceServiceServicer):
    def __init__(self, collector: Collector) -> None:
        self._collector = collector

    def Export(self, request, context):  # type: ignore[no-untyped-def]
        for resource in request.resource_spans:
            service = str(_values(resource.resource.attributes)["service.name"])
            for scope in resource.scope_spans:
                for span in scope.spans:
                    links = [(link.span_id, str(_values(link.attributes).get("s2v.link", ""))) for link in span.links]
                    self._collector.spans.append(
                        Span(
                            service,
                            span.name,
                            span.trace_id,
                            span.span_id,
                            span.parent_span_id,
                            span.kind,
                            _values(span.attributes),
                            links,
                        )
                    )
        return trace_service_pb2.ExportTraceServiceResponse()


class _Metrics(metrics_service_pb2_grpc.MetricsServiceServicer):
    def __init__(self, collector: Collector) -> None:
        self._collector = collector

    def Export(self, request, context):  # type: ignore[no-untyped-def]
        for resource in request.resource_metrics:
            service = str(_values(resource.resource.attributes)["service.name"])
            for scope in resource.scope_metrics:
                self._collector.metrics[service].update(metric.name for metric in scope.metrics)
                for metric in scope.metrics:
                    examples = (one.trace_id for point in metric.histogram.data_points for one in point.exemplars)
                    self._collector.exemplars[metric.name].update(examples)
        return metrics_service_pb2.ExportMetricsServiceResponse()


def _values(attributes: Sequence[KeyValue]) -> dict[str, str | int | float | bool]:
    return {one.key: getattr(one.value, one.value.WhichOneof("value") or "string_value") for one in attributes}
