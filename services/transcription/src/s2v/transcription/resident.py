"""The engine of a worker process: loaded once, counted while in use, unloaded when nobody needs it for long."""

from __future__ import annotations

import gc
import logging
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import NoReturn, TypeVar

from s2v.runtime.errors import EngineError
from s2v.transcription.devices import CPU, CUDA, Device, is_out_of_memory
from s2v.transcription.engine import HeardSegment, Request, Search, Transcriber, hear
from s2v.transcription.voice_activity import Samples

T = TypeVar("T")

Load = Callable[[Device], Transcriber]

log = logging.getLogger(__name__)


class ResidentEngine:
    """One engine on one device. If the GPU's memory is full it hears fewer windows at once, at last on the processor.

    Once the model was unloaded, the GPU is tried again. Any other fault of the GPU ends the process, as nothing works on it in
    this one any more.
    """

    def __init__(self, load: Load, device: Device, idle_seconds: float) -> None:
        """`load` is called at the first use and after each unloading. It is unloaded after
        `idle_seconds` without use; 0: never.
        """
        self.device = device
        self.degradation = ""
        """Why it has left the GPU; empty if it has not."""
        self.languages: frozenset[str] = frozenset()
        """Whisper's codes of the languages that its model hears; none before it was loaded."""
        self._chosen = device
        self._load = load
        self._idle_seconds = idle_seconds
        self._engine: Transcriber | None = None
        self._users = 0
        self._lock = threading.Lock()
        self._timer: threading.Timer | None = None

    @property
    def is_loaded(self) -> bool:
        """Whether the model is in memory."""
        return self._engine is not None

    def load(self) -> None:
        """Loads the model, if it is not in memory. Errors: EngineError; whatever the engine raises."""
        self._with_room(lambda _: None)

    def hear(self, requests: Sequence[Request], search: Search) -> list[list[HeardSegment]]:
        """Transcribes windows of the same language and vocabulary, as many at once as the device takes.

        Errors: EngineError; whatever the engine raises.
        """
        heard: list[list[HeardSegment]] = []

        def hear_next(engine: Transcriber) -> list[list[HeardSegment]]:
            return hear(engine, requests[len(heard) : len(heard) + self.device.batch_size], search)

        while len(heard) < len(requests):
            heard += self._with_room(hear_next, len(requests) - len(heard))
        return heard

    def detect_language(self, samples: Samples) -> tuple[str, float]:
        """Returns the likeliest language of up to 30 s of speech, and its probability.

        Errors: EngineError; whatever the engine raises.
        """
        return self._with_room(lambda engine: engine.detect_language(samples))

    @contextmanager
    def engine(self) -> Iterator[Transcriber]:
        """Lends the engine; it is not unloaded before all that borrowed it have given it back."""
        with self._lock:
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
            if self._engine is None:
                self._engine = self._load(self.device)
                self.languages = self._engine.languages
            engine = self._engine
            self._users += 1
        try:
            yield engine
        finally:
            with self._lock:
                self._users -= 1
                if self._users == 0 and self._idle_seconds:
                    self._timer = threading.Timer(self._idle_seconds, self._unload)
                    self._timer.daemon = True
                    self._timer.start()

    def _with_room(self, use: Callable[[Transcriber], T], windows: int = 1) -> T:
        """Returns what `use` makes with the engine; again with fewer windows, or elsewhere, as often as memory is full.

        `windows` are left to be heard; `use` takes as many of them as the device does.
        Errors: EngineError; whatever the engine raises.
        """
        while True:
            try:
                with self.engine() as engine:
                    return use(engine)
            except RuntimeError as error:
                if is_out_of_memory(error):
                    self._make_room(error, min(windows, self.device.batch_size))
                elif self.device.kind == CUDA:
                    _end_process(error)
                else:
                    raise

    def _unload(self) -> None:
        with self._lock:
            if self._users == 0:
                self._engine = None
                self.device, self.degradation = self._chosen, ""
                gc.collect()

    def _make_room(self, error: RuntimeError, batch: int) -> None:
        """Halves the batch; from a single window moves to the processor. Errors: EngineError when it is there already."""
        if self.device.kind == CPU:
            raise EngineError(f"the engine ran out of memory on the processor: {error}") from error
        if batch > 1:
            self.device = replace(self.device, batch_size=batch // 2)
            return
        self.degradation = f"the GPU's memory does not hold one window ({error}): the processor is used instead, and it is slower"
        self.device = Device(CPU, "int8" if self.device.compute_type.startswith("int8") else "float32", 1)
        with self._lock:
            self._engine = None
            gc.collect()


def _end_process(error: RuntimeError) -> NoReturn:
    """Ends this process, as CUDA answers whatever comes after a fault with that fault. The pool counts it and begins another."""
    log.critical("the GPU failed, so this process ends: %s", error, exc_info=error)
    logging.shutdown()
    os._exit(os.EX_SOFTWARE)
