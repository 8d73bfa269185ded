"""The engine of a worker process: loaded once, counted while in use, unloaded when nobody needs it for long."""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from s2v.runtime.errors import EngineError
from s2v.transcription.devices import CPU, Device, is_out_of_memory
from s2v.transcription.engine import HeardSegment, Request, Search, Transcriber, hear
from s2v.transcription.voice_activity import Samples

Load = Callable[[Device], Transcriber]


class ResidentEngine:
    """One engine on one device. If the GPU's memory is full it hears fewer windows at once, at last on the processor."""

    def __init__(self, load: Load, device: Device, idle_seconds: float) -> None:
        """`load` is called at the first use and after each unloading. It is unloaded after
        `idle_seconds` without use; 0: never.
        """
        self.device = device
        self.degradation = ""
        """Why it has left the GPU; empty if it has not."""
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

    def hear(self, requests: Sequence[Request], search: Search) -> list[list[HeardSegment]]:
        """Transcribes windows of the same language and vocabulary, as many at once as the device takes.

        Errors: EngineError; whatever the engine raises.
        """
        heard: list[list[HeardSegment]] = []
        while len(heard) < len(requests):
            batch = requests[len(heard) : len(heard) + self.device.batch_size]
            try:
                with self.engine() as engine:
                    heard += hear(engine, batch, search)
            except RuntimeError as error:
                if not is_out_of_memory(error):
                    raise
                self._make_room(error, len(batch))
        return heard

    def detect_language(self, samples: Samples) -> tuple[str, float]:
        """Returns the likeliest language of up to 30 s of speech, and its probability."""
        with self.engine() as engine:
            return engine.detect_language(samples)

    @contextmanager
    def engine(self) -> Iterator[Transcriber]:
        """Lends the engine; it is not unloaded before all that borrowed it have given it back."""
        with self._lock:
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
            if self._engine is None:
                self._engine = self._load(self.device)
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

    def _unload(self) -> None:
        with self._lock:
            if self._users == 0:
                self._engine = None
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
