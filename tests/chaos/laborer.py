"""A process with workers of all stages, to be killed: `python laborer.py TENANT`, with the settings in the environment."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "runtime" / "tests"))
from house import House

from s2v.runtime.errors import UnavailableError
from s2v.runtime.settings import RuntimeSettings


async def work(tenant: str) -> None:
    while True:
        try:
            async with House(RuntimeSettings(), tenant) as house:
                for relay in house.relays.values():
                    relay.pause_seconds = 0.05
                async with house.working():
                    await asyncio.Event().wait()
        except UnavailableError:  # NATS or S3 is not up yet
            await asyncio.sleep(0.3)


if __name__ == "__main__":
    asyncio.run(work(sys.argv[1]))
