"""The sizes that the simulation has: those of the Helm chart, or those of one machine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from loadtests.costs import WORKERS
from s2v.runtime.settings import RuntimeSettings

VALUES = Path(__file__).parents[2] / "deploy" / "helm" / "s2v" / "values.yaml"
POD_SECONDS = 45.0
"""From the wish for a pod to its first task, on a node that is there: schedule, image, models. An assumption."""
GPU_POD_SECONDS = 300.0
"""The same on a GPU: a node is started, its driver, an image of several GB. An assumption."""
GPU_SPEED = 12.0
"""How many times faster a GPU hears than one core. An assumption: there is none here."""
POD_LOSSES_PER_HOUR = 0.005
"""Pods that vanish, each hour and pod: nodes that end, evictions. An assumption."""
TASK_FAILURES = 0.001
"""Tasks whose worker dies. An assumption."""
STAGES = ("transcription", "analysis", "layout", "rendering")


@dataclass(frozen=True)
class StageSize:
    """How a stage is scaled."""

    workers: int
    """Tasks at once in a pod."""
    cpus: float
    """Processors that a pod asks for."""
    least: int
    most: int
    tasks: float
    """Tasks waiting or at work that KEDA wants for each pod."""
    places: int
    """Jobs that may be in the stage at once; 0: any number."""
    start_seconds: float = POD_SECONDS
    gpus: int = 0
    speed: float = 1.0
    """How many times faster than one core here."""


@dataclass(frozen=True)
class Cluster:
    """What the simulation runs on."""

    stages: Mapping[str, StageSize]
    provider: str
    """keda, hpa, or none: as many pods as `least`."""
    scale_up_seconds: float = 60.0
    scale_down_seconds: float = 300.0
    polling_seconds: float = 10.0
    """How often KEDA looks."""
    cpu_percent: float = 70.0
    """What the HPA wants."""
    cores: int = 0
    """Processors that everything shares; 0: each pod has its own."""
    others: Sequence[tuple[float, float]] = ()
    """What else shares them: (time in seconds, number of others from then on)."""
    most_waiting: int = 1000
    """Tasks that may wait before new jobs are refused."""
    pod_losses_per_hour: float = POD_LOSSES_PER_HOUR
    task_failures: float = TASK_FAILURES
    ack_wait_seconds: float = 30.0
    max_attempts: int = 3
    retry_seconds: float = 2.0
    notes: tuple[str, ...] = field(default=())


def chart_cluster(provider: str, *, gpu: bool = False, places: bool = True, most: int = 0) -> Cluster:
    """Returns the cluster of the chart's default values.

    `places=False` lifts the limits on jobs in a stage; `most` replaces the chart's most replicas, for each stage.
    """
    values = yaml.safe_load(VALUES.read_text())
    limits = _defaults()
    stages = {}
    for name in STAGES:
        own, scaling = values[name], values[name]["autoscaling"]
        on_gpu = gpu and name == "transcription"
        stages[name] = StageSize(
            workers=1 if on_gpu else own["workers"],
            cpus=float((own["gpu"] if on_gpu else own)["resources"]["requests"]["cpu"]),
            least=scaling["minKeda" if provider == "keda" else "min"],
            most=most or scaling["max"],
            tasks=float(scaling["tasks"]),
            places=limits[f"{name}_jobs"] if places else 0,
            start_seconds=GPU_POD_SECONDS if on_gpu else POD_SECONDS,
            gpus=own["gpu"]["count"] if on_gpu else 0,
            speed=GPU_SPEED if on_gpu else 1.0,
        )
    scaling = values["autoscaling"]
    return Cluster(
        stages,
        provider,
        scale_up_seconds=scaling["scaleUpSeconds"],
        scale_down_seconds=scaling["scaleDownSeconds"],
        polling_seconds=scaling["keda"]["pollingInterval"],
        cpu_percent=scaling["cpu"],
        most_waiting=limits["max_waiting_tasks"],
    )


def machine_cluster(cores: int, others: Sequence[tuple[float, float]] = ()) -> Cluster:
    """Returns one machine with the embedded stack: a pod of each stage, on shared processors, and nothing fails.

    `others` are those who share them: (time in seconds, number from then on).
    """
    limits = _defaults()
    stages = {
        name: StageSize(
            workers=WORKERS[name], cpus=1.0, least=1, most=1, tasks=1.0, places=limits[f"{name}_jobs"], start_seconds=0.0
        )
        for name in STAGES
    }
    return Cluster(
        stages,
        "none",
        cores=cores,
        others=others,
        most_waiting=limits["max_waiting_tasks"],
        pod_losses_per_hour=0.0,
        task_failures=0.0,
    )


def _defaults() -> dict[str, int]:
    """Returns the services' own defaults, whatever this shell's environment says."""
    names = [*(f"{name}_jobs" for name in STAGES), "max_waiting_tasks"]
    return {name: int(RuntimeSettings.model_fields[name].default) for name in names}
