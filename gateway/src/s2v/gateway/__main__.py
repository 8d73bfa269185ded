"""The gateway's process: `python -m s2v.gateway`."""

from __future__ import annotations

import asyncio

from s2v.gateway.deletion import Deletion
from s2v.gateway.edits import Edits
from s2v.gateway.housekeeping import Housekeeping
from s2v.gateway.http_front import http_front
from s2v.gateway.intake import Intake
from s2v.gateway.notifying import Notifying
from s2v.gateway.quotas import Quotas
from s2v.gateway.requests import Requests
from s2v.gateway.reruns import Reruns
from s2v.gateway.servicer import Servicer
from s2v.gateway.settings import GatewaySettings
from s2v.gateway.shares import Shares
from s2v.gateway.uploads import Uploads
from s2v.gateway.virus_scanner import VirusScanner
from s2v.gateway.watching import Watching
from s2v.gateway.webhook_http import Outbound
from s2v.gateway.webhooks import Webhooks
from s2v.runtime import metrics
from s2v.runtime.allocation import give_back_large_blocks
from s2v.runtime.service import running
from s2v.runtime.usage import UsageCounter
from s2v.v1.job_service_pb2_grpc import add_JobServiceServicer_to_server


async def main() -> None:
    """Serves until told to stop."""
    settings = GatewaySettings()
    give_back_large_blocks()
    async with running("gateway", settings) as service:
        bus, jobs, store = service.bus, service.jobs, service.store
        requests = Requests(bus)
        await requests.prepare()
        quotas, usage = Quotas(bus, jobs, settings), UsageCounter(bus)
        await quotas.prepare()
        await usage.prepare()
        scanner = VirusScanner(settings.clamd) if settings.clamd else None
        webhooks = Webhooks(bus, store, Outbound(frozenset(filter(None, settings.webhook_hosts.split(",")))))
        await webhooks.prepare()
        uploads = Uploads(store, settings)
        intake = Intake(uploads, requests, jobs, bus, store, settings, quotas, usage, scanner)
        watching = Watching(bus, jobs, service.stop, settings.tenant_watches)
        servicer = Servicer(
            settings.tenant,
            uploads=uploads,
            downloads=Shares(settings.tenant_downloads),
            intake=intake,
            watching=watching,
            edits=Edits(jobs, store),
            reruns=Reruns(jobs, bus, quotas, usage),
            deletion=Deletion(jobs, requests, bus, store, webhooks),
            quotas=quotas,
            webhooks=webhooks,
            jobs=jobs,
            store=store,
        )
        service.server.add(add_JobServiceServicer_to_server, servicer, "s2v.v1.JobService")
        metrics.begin_gateway(settings.tenant)
        housekeeping = Housekeeping(uploads, jobs, bus, store, settings)
        async with http_front(settings, service.server), asyncio.TaskGroup() as group:
            group.create_task(housekeeping.run(service.stop))
            group.create_task(Notifying(webhooks, jobs, bus).run(service.stop))
            group.create_task(service.serve())


if __name__ == "__main__":
    asyncio.run(main())
