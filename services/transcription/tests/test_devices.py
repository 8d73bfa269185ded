"""Protects the choice of device, numbers and batch, and what happens when a GPU is full or fails; no GPU is needed for any."""

import logging
import os
import time
from collections.abc import Sequence

import numpy as np
import pytest

from s2v.runtime.engine import EnginePool
from s2v.runtime.errors import EngineError, SetupError
from s2v.transcription.devices import CPU, CUDA, Device, choose_device, is_out_of_memory
from s2v.transcription.engine import HeardSegment, HeardWord, Request, Search
from s2v.transcription.resident import ResidentEngine

FULL = RuntimeError("CUDA failed with error out of memory")


@pytest.mark.parametrize(
    ("device", "compute_type", "batch", "gpus", "has_int8", "chosen"),
    [
        ("auto", "auto", 0, 0, True, Device(CPU, "int8", 1)),
        ("auto", "auto", 0, 0, False, Device(CPU, "float32", 1)),
        ("auto", "auto", 0, 2, True, Device(CUDA, "float16", 8)),
        ("cuda", "int8_float16", 16, 1, True, Device(CUDA, "int8_float16", 16)),
        ("cpu", "auto", 0, 1, True, Device(CPU, "int8", 1)),
        ("cpu", "float32", 4, 0, True, Device(CPU, "float32", 4)),
    ],
)
def test_the_best_device_is_chosen(device, compute_type, batch, gpus, has_int8, chosen) -> None:
    assert choose_device(device, compute_type, batch, gpus, has_int8=has_int8) == chosen


@pytest.mark.parametrize(
    ("device", "compute_type", "gpus", "has_int8", "said"),
    [
        ("cuda", "auto", 0, True, "no GPU"),
        ("tpu", "auto", 1, True, "none of auto, cpu, cuda"),
        ("auto", "int4", 1, True, "none of auto"),
        ("cpu", "float16", 1, True, "needs a GPU"),
        ("auto", "int8", 0, False, "faster-whisper only"),
    ],
)
def test_settings_that_cannot_be_fulfilled_are_named(device, compute_type, gpus, has_int8, said) -> None:
    with pytest.raises(SetupError, match=said):
        choose_device(device, compute_type, 0, gpus, has_int8=has_int8)


def test_full_memory_is_told_from_other_failures() -> None:
    assert is_out_of_memory(FULL)
    assert is_out_of_memory(RuntimeError("CUBLAS_STATUS_ALLOC_FAILED when calling cublasCreate"))
    assert not is_out_of_memory(RuntimeError("invalid model"))
    assert not is_out_of_memory(ValueError("out of memory"))


class SmallGpu:
    """Has room for so many windows; stands in for a device that is not here."""

    languages = frozenset(("en",))

    def __init__(self, device: Device, room: int) -> None:
        self.device = device
        self.room = room if device.kind == CUDA else 1
        self.passes: list[int] = []

    def transcribe(self, requests: Sequence[Request], beam: int) -> list[list[HeardSegment]]:
        if len(requests) > self.room:
            raise FULL
        self.passes.append(len(requests))
        return [
            [HeardSegment((HeardWord(f" {len(request.samples)}", 0, 1, 1),), 0.0, low_confidence=False)] for request in requests
        ]

    def detect_language(self, samples: np.ndarray) -> tuple[str, float]:
        return "en", 1.0


def requests(count: int) -> list[Request]:
    return [Request(np.zeros(number + 1, np.float32), "en") for number in range(count)]


def texts(heard: list[list[HeardSegment]]) -> list[str]:
    return [segments[0].words[0].text for segments in heard]


def test_a_full_gpu_takes_fewer_windows_at_once_and_keeps_their_order() -> None:
    loaded: list[SmallGpu] = []
    engine = ResidentEngine(lambda device: loaded.append(SmallGpu(device, 3)) or loaded[-1], Device(CUDA, "float16", 8), 0)
    assert texts(engine.hear(requests(10), Search())) == [f" {number + 1}" for number in range(10)]
    assert engine.device == Device(CUDA, "float16", 2)
    assert loaded[0].passes == [2] * 5
    assert not engine.degradation


def test_a_gpu_without_room_for_one_window_is_left_for_the_processor_and_that_is_said() -> None:
    engine = ResidentEngine(lambda device: SmallGpu(device, 0), Device(CUDA, "int8_float16", 4), 0)
    assert texts(engine.hear(requests(3), Search())) == [" 1", " 2", " 3"]
    assert engine.device == Device(CPU, "int8", 1)
    assert "GPU's memory" in engine.degradation


class CrowdedGpu(SmallGpu):
    """Has no room to load the model, or none to tell a language."""

    def __init__(self, device: Device, *, loads: bool) -> None:
        if device.kind == CUDA and not loads:
            raise FULL
        super().__init__(device, 0)

    def detect_language(self, samples: np.ndarray) -> tuple[str, float]:
        if self.device.kind == CUDA:
            raise FULL
        return "fr", 1.0


@pytest.mark.parametrize("loads", [False, True])
def test_a_gpu_that_is_full_when_it_loads_or_tells_the_language_is_left_too(loads: bool) -> None:
    engine = ResidentEngine(lambda device: CrowdedGpu(device, loads=loads), Device(CUDA, "float16", 8), 0)
    engine.load()
    assert engine.device.kind == (CUDA if loads else CPU)
    assert engine.languages == {"en"}
    assert engine.detect_language(np.zeros(1, np.float32)) == ("fr", 1.0)
    assert engine.device == Device(CPU, "float32", 1)
    assert "GPU's memory" in engine.degradation


def test_after_it_was_unloaded_the_gpu_is_tried_again() -> None:
    room = {"windows": 0}
    engine = ResidentEngine(lambda device: SmallGpu(device, room["windows"]), Device(CUDA, "float16", 8), 0.05)
    engine.hear(requests(3), Search())
    assert engine.device.kind == CPU
    time.sleep(0.2)
    room["windows"] = 8
    assert texts(engine.hear(requests(3), Search())) == [" 1", " 2", " 3"]
    assert engine.device == Device(CUDA, "float16", 8)
    assert not engine.degradation


class FailedGpu(SmallGpu):
    """Answers everything with the fault that it had."""

    def transcribe(self, requests: Sequence[Request], beam: int) -> list[list[HeardSegment]]:
        raise RuntimeError("CUDA failed with error an illegal memory access was encountered")


def hear_on_a_failed_gpu() -> None:
    ResidentEngine(lambda device: FailedGpu(device, 8), Device(CUDA, "float16", 8), 0).hear(requests(1), Search())


@pytest.mark.integration
async def test_a_gpu_that_failed_takes_its_process_with_it_and_another_one_comes() -> None:
    """Or each later window would fail at once in a process that looks well."""
    pool = EnginePool(1)
    try:
        first = (await pool.run(os.getpid, timeout=60)).value
        with pytest.raises(EngineError, match=f"exit code {os.EX_SOFTWARE}"):
            await pool.run(hear_on_a_failed_gpu, timeout=60)
        assert (await pool.run(os.getpid, timeout=60)).value != first
    finally:
        pool.close()


def test_the_log_says_why_the_process_ended(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    def end(code: int) -> None:
        raise SystemExit(code)

    monkeypatch.setattr(os, "_exit", end)
    monkeypatch.setattr(logging, "shutdown", lambda: None)
    with pytest.raises(SystemExit):
        hear_on_a_failed_gpu()
    assert "illegal memory access" in caplog.text


def test_a_full_processor_is_an_error_and_other_failures_are_not_hidden() -> None:
    class Broken(SmallGpu):
        def transcribe(self, requests: Sequence[Request], beam: int) -> list[list[HeardSegment]]:
            raise self.failure

        failure: RuntimeError = FULL

    engine = ResidentEngine(lambda device: Broken(device, 1), Device(CPU, "int8", 1), 0)
    with pytest.raises(EngineError, match="processor"):
        engine.hear(requests(1), Search())
    Broken.failure = RuntimeError("invalid model")
    with pytest.raises(RuntimeError, match="invalid model"):
        engine.hear(requests(1), Search())


def test_the_model_is_loaded_once_and_given_back_only_when_nobody_uses_it() -> None:
    loads = []
    engine = ResidentEngine(lambda device: loads.append(device) or SmallGpu(device, 1), Device(CPU, "int8", 1), 0.05)
    with engine.engine() as first:
        with engine.engine() as second:
            assert first is second
        time.sleep(0.2)
        assert engine.is_loaded, "it is in use"
    time.sleep(0.2)
    assert not engine.is_loaded
    assert texts(engine.hear(requests(1), Search())) == [" 1"]
    assert len(loads) == 2
