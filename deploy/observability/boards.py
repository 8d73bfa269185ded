"""The dashboards: what each panel asks Prometheus. A test scrapes a real run and knows each metric and label named here."""

from __future__ import annotations

from deploy.observability.grafana import Dashboard, Panel, Query

CALLS = "rpc_server_call_duration_seconds_count"
GATEWAY = '{service_name="gateway"}'
FAILED = '{service_name="gateway",rpc_response_status_code=~"INTERNAL|UNAVAILABLE|UNKNOWN|DEADLINE_EXCEEDED"}'
GPU_ONLY = frozenset({"s2v_gpu_memory_used_bytes", "s2v_gpu_memory_limit_bytes"})
"""Metrics that only a machine with a graphics card has."""


def _rate(metric: str, by: str, selector: str = "") -> str:
    return (
        f"sum by ({by}) (rate({metric}{selector}[$__rate_interval]))"
        if by
        else f"sum(rate({metric}{selector}[$__rate_interval]))"
    )


def _mean(metric: str, by: str = "", selector: str = "") -> str:
    return f"{_rate(f'{metric}_sum', by, selector)} / {_rate(f'{metric}_count', by, selector)}"


def _quantile(share: float, metric: str, by: str = "", selector: str = "") -> str:
    return f"histogram_quantile({share}, {_rate(f'{metric}_bucket', f'le, {by}' if by else 'le', selector)})"


def _share(metric: str, by: str, selector: str) -> str:
    return f"{_rate(metric, by, selector)} / {_rate(metric, by)}"


SUCCEEDED = '{state="succeeded"}'
STAGE = '{stage=~"$stage"}'

PIPELINE = Dashboard(
    "pipeline",
    "From upload to video: do jobs succeed, how long do they take, where do they wait.",
    [
        Panel(
            "Jobs that succeed",
            [Query(_share("s2v_job_duration_seconds_count", "", SUCCEEDED))],
            "percentunit",
            "stat",
            width=6,
            about="Of all that ended; unusable input counts as failed here, not in the alerts.",
        ),
        Panel(
            "Mean time to video",
            [Query(_mean("s2v_job_duration_seconds", "", SUCCEEDED))],
            "s",
            "stat",
            width=6,
            limits=[("orange", 60), ("red", 120)],
        ),
        Panel(
            "Calls answered",
            [
                Query(
                    f"1 - {_rate(CALLS, '', FAILED)} / {_rate(CALLS, '', GATEWAY)} or vector(1)",
                )
            ],
            "percentunit",
            "stat",
            width=6,
            about="The aim is 99.9 % in a month.",
        ),
        Panel("Dead letters", [Query("sum(max by (stage) (s2v_dead_letters))")], "short", "stat", width=6, limits=[("red", 1)]),
        Panel("Jobs accepted", [Query(_rate("s2v_jobs_created_total", "priority"), "{{priority}}")], "ops", stacked=True),
        Panel("Jobs ended", [Query(_rate("s2v_job_duration_seconds_count", "state"), "{{state}}")], "ops", stacked=True),
        Panel(
            "Jobs that failed, by reason",
            [Query(_rate("s2v_job_failures_total", "stage, reason, fault"), "{{stage}} {{reason}} ({{fault}})")],
            "ops",
        ),
        Panel(
            "Time to video",
            [Query(_quantile(q, "s2v_job_duration_seconds", "", SUCCEEDED), f"p{q * 100:.0f}") for q in (0.5, 0.95)],
            "s",
        ),
        Panel(
            "Time to video by length of the talk",
            [Query(_quantile(q, "s2v_job_realtime_factor"), f"p{q * 100:.0f}") for q in (0.5, 0.95)],
            about="Above 1: the video takes longer than the talk.",
            limits=[("red", 1)],
        ),
        Panel(
            "Oldest task",
            [Query("max by (stage) (s2v_queue_oldest_age_seconds)", "{{stage}}")],
            "s",
            limits=[("red", 600)],
        ),
        Panel(
            "Calls",
            [Query(_rate(CALLS, "rpc_method", GATEWAY), "{{rpc_method}}")],
            "ops",
        ),
        Panel(
            "Calls in error",
            [
                Query(
                    _rate(
                        CALLS,
                        "rpc_method, rpc_response_status_code",
                        '{service_name="gateway",rpc_response_status_code!="OK"}',
                    ),
                    "{{rpc_method}} {{rpc_response_status_code}}",
                )
            ],
            "ops",
        ),
        Panel(
            "Time of a call, p95",
            [Query(_quantile(0.95, "rpc_server_call_duration_seconds", "rpc_method", GATEWAY), "{{rpc_method}}")],
            "s",
        ),
    ],
)

STAGES = Dashboard(
    "stages",
    "The four stages: queues, speed, attempts, engines, and what the house decides by itself.",
    [
        Panel(
            "Tasks that wait",
            [Query('max by (stage, priority) (s2v_queue_tasks{stage=~"$stage",state="waiting"})', "{{stage}} {{priority}}")],
            stacked=True,
        ),
        Panel(
            "Tasks at work",
            [Query('max by (stage, priority) (s2v_queue_tasks{stage=~"$stage",state="at_work"})', "{{stage}} {{priority}}")],
            stacked=True,
        ),
        Panel("Wait of a task, p95", [Query(_quantile(0.95, "s2v_task_wait_seconds", "stage", STAGE), "{{stage}}")], "s"),
        Panel("Time of a stage, p95", [Query(_quantile(0.95, "s2v_stage_duration_seconds", "stage", STAGE), "{{stage}}")], "s"),
        Panel(
            "Realtime factor, p95",
            [Query(_quantile(0.95, "s2v_stage_realtime_factor", "stage", STAGE), "{{stage}}")],
            about="Seconds of work for a second of sound.",
        ),
        Panel("Processor time", [Query(_rate("s2v_stage_cpu_time_seconds_total", "stage", STAGE), "{{stage}}")], "short"),
        Panel(
            "Attempts by outcome",
            [Query(_rate("s2v_task_duration_seconds_count", "stage, outcome", STAGE), "{{stage}} {{outcome}}")],
            "ops",
        ),
        Panel(
            "Failed attempts by reason",
            [Query(_rate("s2v_attempt_failures_total", "stage, reason", STAGE), "{{stage}} {{reason}}")],
            "ops",
        ),
        Panel(
            "Answered from the cache",
            [
                Query(_share("s2v_cache_lookups_total", "stage", '{stage=~"$stage",result="hit"}'), "{{stage}}"),
            ],
            "percentunit",
        ),
        Panel(
            "Engine processes at work",
            [
                Query("sum by (service_name) (s2v_engine_busy)", "{{service_name}} busy"),
                Query("sum by (service_name) (s2v_engine_processes)", "{{service_name}} all"),
            ],
        ),
        Panel(
            "Engines that died or hung",
            [Query("sum by (service_name, fault) (increase(s2v_engine_faults_total[15m]))", "{{service_name}} {{fault}}")],
        ),
        Panel(
            "Decisions",
            [Query("sum by (stage, knob, reason) (increase(s2v_decisions_total[15m]))", "{{stage}} {{knob}} {{reason}}")],
            about="What self-optimisation has changed in a quarter of an hour.",
        ),
        Panel(
            "Memory",
            [Query("s2v_memory_used_bytes / s2v_memory_limit_bytes", "{{service_name}} {{instance}}")],
            "percentunit",
            limits=[("orange", 0.8), ("red", 0.9)],
        ),
        Panel("Processor", [Query(_rate("s2v_cpu_time_seconds_total", "service_name"), "{{service_name}}")], "short"),
        Panel(
            "Dependencies that do not work",
            [Query("1 - min by (service_name, dependency) (s2v_dependency_up)", "{{service_name}} {{dependency}}")],
        ),
    ],
    by_stage=True,
)

QUALITY = Dashboard(
    "quality",
    "How good results are, over all jobs: confidence, diagrams, layout, sync, fallbacks, stars.",
    [
        Panel("Confidence", [Query(_mean("s2v_stage_confidence", "stage"), "{{stage}}")], "percentunit"),
        Panel("Sentences that are uncertain", [Query(_mean("s2v_transcription_uncertain"), "share")], "percentunit"),
        Panel("Scenes with a diagram", [Query(_mean("s2v_analysis_diagrams"), "share")], "percentunit"),
        Panel(
            "Smallest text of a video",
            [Query(_mean("s2v_layout_text_size"), "mean"), Query(_quantile(0.05, "s2v_layout_text_size"), "p5")],
            about="In pixels at 1080p; 24 and more are read well.",
        ),
        Panel("Canvas used", [Query(_mean("s2v_layout_area_used"), "share")], "percentunit"),
        Panel("Faults left in pictures", [Query("sum by (fault) (increase(s2v_layout_faults_total[1h]))", "{{fault}}")]),
        Panel(
            "Things seen from their words",
            [Query(_quantile(q, "s2v_rendering_sync_error_seconds"), f"p{q * 100:.0f}") for q in (0.5, 0.95)],
            "s",
            about="95th percentile of each video.",
            limits=[("red", 0.4)],
        ),
        Panel(
            "Fallbacks",
            [Query('sum by (stage, code) (increase(s2v_degradations_total{code!="NONE"}[1h]))', "{{stage}} {{code}}")],
        ),
        Panel("Stars", [Query("sum(rate(s2v_job_rating_sum[1d])) / sum(rate(s2v_job_rating_count[1d]))", "mean of a day")]),
    ],
)

STORAGE = Dashboard(
    "storage",
    "S3, its tiers, and the space that services have.",
    [
        Panel("Bytes by tier", [Query("max by (tier) (s2v_storage_size_bytes)", "{{tier}}")], "bytes", stacked=True, width=12),
        Panel(
            "Free space for temporary files",
            [Query("min by (service_name) (s2v_disk_free_bytes)", "{{service_name}}")],
            "bytes",
            width=12,
        ),
        Panel("Requests to S3", [Query(_rate("s2v_store_request_duration_seconds_count", "operation"), "{{operation}}")], "ops"),
        Panel(
            "Requests by outcome",
            [Query(_rate("s2v_store_request_duration_seconds_count", "service_name, outcome"), "{{service_name}} {{outcome}}")],
            "ops",
        ),
        Panel(
            "Time of a request, p95",
            [Query(_quantile(0.95, "s2v_store_request_duration_seconds", "operation"), "{{operation}}")],
            "s",
        ),
        Panel("S3 works", [Query('min by (service_name) (s2v_dependency_up{dependency="s3"})', "{{service_name}}")]),
        Panel("NATS works", [Query('min by (service_name) (s2v_dependency_up{dependency="nats"})', "{{service_name}}")]),
        Panel("Lookups in the cache", [Query(_rate("s2v_cache_lookups_total", "result"), "{{result}}")], "ops", stacked=True),
    ],
)

TENANTS = Dashboard(
    "tenants",
    "Who is refused, and why. Jobs are not counted by tenant in metrics: `s2v usage` has that.",
    [
        Panel("Refused calls by tenant", [Query(_rate("s2v_refusals_total", "tenant"), "{{tenant}}")], "ops", width=12),
        Panel("Refused calls by reason", [Query(_rate("s2v_refusals_total", "reason"), "{{reason}}")], "ops", width=12),
        Panel(
            "Refusals of a day",
            [Query("sum by (tenant, reason) (increase(s2v_refusals_total[1d]))", "{{tenant}} {{reason}}")],
            width=12,
        ),
        Panel("Jobs accepted by priority", [Query(_rate("s2v_jobs_created_total", "priority"), "{{priority}}")], "ops", width=12),
    ],
)

GPU = Dashboard(
    "gpu",
    "Graphics cards, and what transcription makes of them. Empty where there is none.",
    [
        Panel(
            "Graphics memory",
            [Query("s2v_gpu_memory_used_bytes / s2v_gpu_memory_limit_bytes", "{{instance}} {{gpu}}")],
            "percentunit",
            limits=[("orange", 0.85), ("red", 0.95)],
            width=12,
        ),
        Panel("Graphics memory in use", [Query("s2v_gpu_memory_used_bytes", "{{instance}} {{gpu}}")], "bytes", width=12),
        Panel(
            "Transcription: seconds of work for a second of sound",
            [
                Query(_quantile(q, "s2v_stage_realtime_factor", "", '{stage="transcription"}'), f"p{q * 100:.0f}")
                for q in (0.5, 0.95)
            ],
        ),
        Panel("Windows at work", [Query('sum(s2v_engine_busy{service_name="transcription"})', "processes")]),
        Panel(
            "Moved to the processor",
            [Query('sum by (code) (increase(s2v_degradations_total{stage="transcription"}[1h]))', "{{code}}")],
            about="TRANSCRIPTION_CPU: the card's memory did not hold one window.",
        ),
    ],
)

DASHBOARDS = (PIPELINE, STAGES, QUALITY, STORAGE, TENANTS, GPU)
