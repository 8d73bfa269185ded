"""ELK in a V8 isolate."""

from __future__ import annotations

import json
import weakref
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.resources import files
from types import TracebackType
from typing import Self, TypedDict, cast, get_args

from py_mini_racer import JSEvalException, JSOOMException, JSTimeoutException, MiniRacer

from elkjs_py.errors import ElkError, ElkMemoryError, ElkTimeout
from elkjs_py.graph import Graph
from elkjs_py.options import Algorithm, LayoutOptions

ELKJS_VERSION = "0.12.1"
"""Release of elkjs that is bundled, unmodified."""

ALGORITHMS: tuple[str, ...] = get_args(Algorithm)
"""What the worker is told to register."""


class _Failure(TypedDict, total=False):
    message: str


class _Answer(TypedDict, total=False):
    data: Graph
    error: _Failure


class Elk:
    """A layout engine. It lays out one graph at a time; its answers depend on nothing but the graph and the options.

    It takes about 0.6 s to start and 150 to 200 MB of memory. Threads may not share it; processes should each make their own,
    after they were forked.
    """

    def __init__(self, memory_limit_bytes: int = 512 * 2**20) -> None:
        """Starts V8 and loads ELK. `memory_limit_bytes` bounds V8's heap; a layout that needs more is stopped."""
        self._memory_limit_bytes = memory_limit_bytes
        self._v8: MiniRacer | None = self._start()

    def layout(self, graph: Graph, options: LayoutOptions | None = None, timeout_seconds: float = 10.0) -> Graph:
        """Returns `graph` with places, sizes and routes; the argument is left as it was.

        `options` are defaults for the whole graph; a "layoutOptions" of an element goes before them.
        Errors: ElkTimeout after `timeout_seconds`; ElkMemoryError; ElkError when ELK refuses the graph. The engine goes on after
        each of them.
        """
        try:
            text = json.dumps(graph, allow_nan=False)
        except (TypeError, ValueError, RecursionError) as error:
            raise ElkError(f"the graph cannot be written as JSON: {error}") from error
        if self._v8 is None:
            self._v8 = self._start()
        # JSON is a subset of JavaScript since ES2019, so the graph goes in as a literal.
        answer = self._call(self._v8, f"elkLayout({text}, {json.dumps(options or {})})", timeout_seconds)
        if "data" not in answer:
            raise ElkError(answer.get("error", {}).get("message") or "ELK gave no answer")
        return answer["data"]

    def heap_bytes(self) -> int:
        """Returns how much of V8's heap is in use."""
        return int(self._v8.heap_stats()["used_heap_size"]) if self._v8 is not None else 0

    def close(self) -> None:
        """Frees V8; a later `layout` starts it again."""
        if self._v8 is not None:
            self._finalizer()
            self._v8 = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _call(self, v8: MiniRacer, expression: str, timeout_seconds: float) -> _Answer:
        try:
            text = v8.eval(expression, timeout_sec=timeout_seconds)
        except JSTimeoutException as error:
            # A stopped run may leave ELK's own state half changed: the next layout gets a fresh one. V8 is idle, and may be
            # freed, when it has answered.
            v8.eval("0")
            self.close()
            raise ElkTimeout(f"the layout did not finish within {timeout_seconds:g} s") from error
        except JSOOMException as error:
            self.close()
            raise ElkMemoryError(f"the layout needs more than {self._memory_limit_bytes / 2**20:.0f} MB") from error
        except JSEvalException as error:
            self.close()
            raise ElkError(f"ELK failed: {error}") from error
        return cast(_Answer, json.loads(str(text)) or {})

    def _start(self) -> MiniRacer:
        # MiniRacer takes over the event loop of the thread that makes it, where there is one, and then refuses time-outs. A
        # thread that has none makes it, so that the engine works the same inside and outside of asyncio.
        with ThreadPoolExecutor(1) as thread:
            v8 = thread.submit(MiniRacer).result()
        # At the exit of the interpreter, too, V8 is freed while its event loop still runs; later it would wait for it for ever.
        self._finalizer = weakref.finalize(self, v8.close)
        v8.set_hard_memory_limit(self._memory_limit_bytes)
        folder = files("elkjs_py")
        v8.eval(folder.joinpath("worker.js").read_text("utf-8"))
        v8.eval(folder.joinpath("elkjs/elk-worker.min.js").read_text("utf-8"))
        self._register(v8, ALGORITHMS)
        return v8

    def _register(self, v8: MiniRacer, algorithms: Sequence[str]) -> None:
        answer = self._call(v8, f"elkStart({json.dumps(list(algorithms))})", 60.0)
        if "error" in answer:
            raise ElkError(answer["error"].get("message", "ELK did not start"))
