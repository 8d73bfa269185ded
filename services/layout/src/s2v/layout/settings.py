"""Settings of the layout service."""

from __future__ import annotations

from pydantic import Field

from s2v.layout.canvas import WORK
from s2v.runtime.settings import RuntimeSettings


class LayoutSettings(RuntimeSettings):
    """How many workers there are, and how long they may take."""

    layout_workers: int = Field(default=1, ge=1)
    """Worker processes, each with one V8 and up to 350 MB."""
    layout_seconds: float = Field(default=120.0, gt=0)
    """Longest layout of one talk, and longest drawing of a batch of its scenes, in seconds; a usual one takes one. The layout of
    a talk of many scenes may take four for each."""
    layout_work: int = Field(default=WORK, ge=100)
    """Budget of the search for a picture: layouts tried, times nodes and edges; 2400 are about two seconds. Pictures depend on
    it."""
