"""A file that a caller streams to a service: options first, then the bytes."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import TypeVar

from s2v.runtime.errors import InvalidInputError, LimitError

Request = TypeVar("Request")
Options = TypeVar("Options")


async def receive(
    requests: AsyncIterator[Request], payload: Callable[[Request], Options | bytes], file: Path, max_bytes: int, field: str
) -> tuple[Options, str]:
    """Writes the bytes to `file`, off the event loop. Returns the options and the SHA-256 of the bytes.

    `payload` takes what a request holds; `field` is the name of the bytes in the contract.

    Errors: InvalidInputError (no options, or twice), LimitError (more than `max_bytes`).
    """
    options: Options | None = None
    digest, size = hashlib.sha256(), 0
    with file.open("wb") as opened:

        def keep(data: bytes) -> None:
            opened.write(data)
            digest.update(data)

        async for request in requests:
            held = payload(request)
            if not isinstance(held, bytes):
                if options is not None:
                    raise InvalidInputError("options are sent once, in the first message", field="options")
                options = held
                continue
            if options is None:
                break
            size += len(held)
            if size > max_bytes:
                most = max_bytes / 1e6
                raise LimitError(
                    f"the sound is larger than {most:.0f} MB; send it as MP3 or Opus", reason="TOO_LARGE", field=field
                )
            await asyncio.to_thread(keep, held)
    if options is None:
        raise InvalidInputError("the first message must hold the options, even if they are empty", field="options")
    return options, digest.hexdigest()
