"""What NATS and S3 know of all services: queues, dead letters, sizes of the tiers. Each gateway measures the same."""

from __future__ import annotations

from s2v.runtime import metrics, queues
from s2v.runtime.bus import Bus
from s2v.runtime.jobs import Jobs
from s2v.runtime.tiers import TIERS

QUEUE_SECONDS = 5.0
"""How often queues are counted."""
STORAGE_SECONDS = 3600.0
"""How often the tiers are measured, which reads the catalogue."""


async def measure_queues(bus: Bus) -> None:
    """Measures the queues and the dead letters once.

    Errors: UnavailableError.
    """
    for queue in await queues.count(bus.jetstream):
        place = {"stage": queue.stage, "priority": queue.priority}
        metrics.queue_tasks.set(queue.waiting, {**place, "state": "waiting"})
        metrics.queue_tasks.set(queue.at_work, {**place, "state": "at_work"})
    for stage, seconds in (await queues.oldest(bus.jetstream)).items():
        metrics.queue_ages.set(seconds, {"stage": stage})
    for stage, letters in (await queues.buried(bus.jetstream)).items():
        metrics.dead_letters.set(letters, {"stage": stage})


async def measure_storage(jobs: Jobs) -> None:
    """Measures once how much the ended jobs of all tenants keep in each tier; no object is listed.

    Errors: UnavailableError.
    """
    for tier, size in (await jobs.catalogue.sizes()).items():
        metrics.store_bytes.set(size, {"tier": TIERS[tier]})
