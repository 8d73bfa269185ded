"""ClamAV's daemon, asked by its INSTREAM command. A file that cannot be scanned is not let in (fail closed).

Source: clamd(8), "INSTREAM".
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from pathlib import Path
from urllib.parse import urlsplit

from s2v.runtime.errors import InvalidInputError, SetupError, UnavailableError

log = logging.getLogger(__name__)

CHUNK_BYTES = 256 * 1024
SCAN_SECONDS = 60.0
"""Longest scan of a file."""
CONNECT_SECONDS = 5.0
ANSWER_BYTES = 4096


class VirusScanner:
    """Scans files."""

    def __init__(self, address: str) -> None:
        """`address` is tcp://HOST:PORT or unix:///PATH.

        Errors: SetupError.
        """
        url = urlsplit(address)
        if not (url.scheme == "tcp" and url.hostname and url.port) and not (url.scheme == "unix" and url.path):
            raise SetupError(f"S2V_CLAMD is {address!r}; use tcp://HOST:PORT or unix:///PATH")
        self._url = url

    async def check(self, path: Path, name: str) -> None:
        """Lets a file pass in which nothing is found. `name` is that of the file, for messages.

        Errors: InvalidInputError (INFECTED); UnavailableError (SCANNER_AWAY) when there is no clear answer.
        """
        try:
            async with asyncio.timeout(SCAN_SECONDS):
                answer = await self._scan(path)
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
            log.warning("the virus scanner does not answer: %s", error or type(error).__name__)
            raise UnavailableError(
                f"{name} cannot be scanned for viruses at the moment; try again in a minute", reason="SCANNER_AWAY"
            ) from error
        if answer == "stream: OK":
            return
        if answer.endswith(" FOUND"):
            found = answer.removeprefix("stream: ").removesuffix(" FOUND")
            raise InvalidInputError(
                f"the virus scanner takes {name} for {found}; it is not let in", reason="INFECTED", field="source"
            )
        log.warning("the virus scanner could not scan: %s", answer)
        raise UnavailableError(f"{name} cannot be scanned for viruses: {answer[:200]}", reason="SCANNER_AWAY")

    async def _scan(self, path: Path) -> str:
        async with asyncio.timeout(CONNECT_SECONDS):
            if self._url.scheme == "unix":
                reader, writer = await asyncio.open_unix_connection(self._url.path)
            else:
                reader, writer = await asyncio.open_connection(self._url.hostname, self._url.port)
        try:
            # A scanner that has seen enough answers and hangs up: then its answer counts, not the broken pipe.
            with contextlib.suppress(ConnectionError):
                writer.write(b"zINSTREAM\0")
                with path.open("rb") as file:
                    while data := await asyncio.to_thread(file.read, CHUNK_BYTES):
                        writer.write(len(data).to_bytes(4, "big") + data)
                        await writer.drain()
                writer.write(bytes(4))
                await writer.drain()
            answer = await reader.readuntil(b"\0")
            return answer[:ANSWER_BYTES].rstrip(b"\0").decode("utf-8", "replace").strip()
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
