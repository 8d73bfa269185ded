"""Traces and metrics of a process: where they go. One trace a job, through every hop: gRPC metadata and message headers carry it.

Traces go to an OTLP collector, a file, or both; metrics to the collector, to whoever scrapes them, or both.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from wsgiref.simple_server import WSGIServer

from opentelemetry import context as otel_context
from opentelemetry import metrics, propagate, trace
from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import MetricReader, PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from prometheus_client import CollectorRegistry, start_http_server

from s2v.runtime import logs, vitals
from s2v.runtime.errors import UnavailableError
from s2v.runtime.settings import RuntimeSettings
from s2v.runtime.spans import FileSpanExporter

tracer = trace.get_tracer("s2v.runtime")

FILE_MILLISECONDS = 500.0
"""How soon finished spans are in the file, for whoever looks at a job that has just ended."""


@dataclass
class Telemetry:
    """What sends the signals of this process."""

    traces: TracerProvider
    metrics: MeterProvider
    scraped: WSGIServer | None = field(default=None)
    """Serves the metrics to Prometheus, if it is to."""

    def shutdown(self) -> None:
        """Sends what is left."""
        self.traces.shutdown()
        self.metrics.shutdown()
        if self.scraped is not None:
            self.scraped.shutdown()
            self.scraped.server_close()


def start(service: str, settings: RuntimeSettings) -> Telemetry:
    """Sets up logs, traces and metrics of a service, e.g. "transcription". Shut the answer down to send what is left.

    Errors: UnavailableError when the address for Prometheus is taken.
    """
    logs.start(settings)
    resource = Resource.create({"service.namespace": "s2v", "service.name": service})
    sampler = ParentBased(TraceIdRatioBased(settings.trace_sampling))
    traces = TracerProvider(resource=resource, sampler=sampler)
    readers: list[MetricReader] = []
    if settings.otlp_endpoint:
        traces.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=settings.otlp_endpoint)))
        exporter = OTLPMetricExporter(endpoint=settings.otlp_endpoint)
        readers.append(PeriodicExportingMetricReader(exporter, settings.metrics_seconds * 1000))
    if settings.spans_path is not None:
        traces.add_span_processor(
            BatchSpanProcessor(FileSpanExporter(settings.spans_path), schedule_delay_millis=FILE_MILLISECONDS)
        )
    scraped = None
    if settings.metrics_listen:
        registry = CollectorRegistry()
        readers.append(
            PrometheusMetricReader(
                scope_info_enabled=False, resource_attribute_filter=lambda name: name == "service.name", registry=registry
            )
        )
        scraped = _serve(settings.metrics_listen, registry)
    measured = MeterProvider(readers, resource)
    trace.set_tracer_provider(traces)
    metrics.set_meter_provider(measured)
    vitals.observe(measured)
    return Telemetry(traces, measured, scraped)


def inject() -> dict[str, str]:
    """Returns headers that carry the current trace."""
    headers: dict[str, str] = {}
    propagate.inject(headers)
    return headers


def extract(headers: Mapping[str, str] | None) -> otel_context.Context:
    """Returns the trace that the headers carry."""
    return propagate.extract(dict(headers or {}))


def _serve(address: str, registry: CollectorRegistry) -> WSGIServer:
    host, _, port = address.rpartition(":")
    try:
        server, _ = start_http_server(int(port), host.strip("[]"), registry)
    except (OSError, ValueError) as error:
        raise UnavailableError(f"cannot serve metrics on {address}: {error}; set S2V_METRICS_LISTEN to host:port") from error
    return server
