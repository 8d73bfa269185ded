"""How the C library keeps memory that was freed."""

from __future__ import annotations

import ctypes

MMAP_THRESHOLD = -3
"""glibc's number for the size from which a block is mapped by itself (mallopt(3))."""
BLOCK_BYTES = 256 * 1024


def give_back_large_blocks() -> None:
    """Lets blocks of BLOCK_BYTES and more go back to the system as soon as they are freed.

    Else glibc raises that size to that of the first large block that is freed, and each thread that has held a chunk of an upload
    keeps as much. Does nothing where the C library has no such setting.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(MMAP_THRESHOLD, BLOCK_BYTES)
