"""Where an engine computes: processor or GPU, with which numbers, and how many windows at once."""

from __future__ import annotations

from dataclasses import dataclass

from s2v.runtime.errors import SetupError

CPU = "cpu"
CUDA = "cuda"
AUTO = "auto"
DEVICES = (AUTO, CPU, CUDA)
COMPUTE_TYPES = (AUTO, "int8", "int8_float16", "float16", "float32")
GPU_BATCH = 8
"""Windows of 29 s that a GPU hears in one pass; base takes 2 GB for them at float16."""
_MEMORY_MESSAGES = ("out of memory", "cublas_status_alloc_failed", "cudamalloc")


@dataclass(frozen=True)
class Device:
    """A place to compute."""

    kind: str
    """CPU or CUDA."""
    compute_type: str
    """"int8", "int8_float16", "float16" or "float32"; for PyTorch on a CPU always "float32"."""
    batch_size: int
    """Windows that are heard in one pass, at most."""


def choose_device(device: str, compute_type: str, batch_size: int, gpus: int, *, has_int8: bool) -> Device:
    """Returns where to compute: `device` and `compute_type` may be "auto", `batch_size` 0.

    `gpus` counts the CUDA devices that the engine can use, `has_int8` says whether it can compute with 8-bit integers.
    Errors: SetupError for settings that are unknown or that cannot be fulfilled here.
    """
    if device not in DEVICES:
        raise SetupError(f"S2V_WHISPER_DEVICE: {device} is none of {', '.join(DEVICES)}")
    if compute_type not in COMPUTE_TYPES:
        raise SetupError(f"S2V_WHISPER_COMPUTE_TYPE: {compute_type} is none of {', '.join(COMPUTE_TYPES)}")
    if device == CUDA and not gpus:
        raise SetupError(
            "S2V_WHISPER_DEVICE is cuda, but no GPU is to be seen here: check driver and device plug-in, or set auto"
        )
    kind = CUDA if device != CPU and gpus else CPU
    if compute_type == AUTO:
        compute_type = "float16" if kind == CUDA else "int8" if has_int8 else "float32"
    elif kind == CPU and compute_type in ("float16", "int8_float16"):
        raise SetupError(f"S2V_WHISPER_COMPUTE_TYPE: {compute_type} needs a GPU; set auto, int8 or float32")
    elif compute_type.startswith("int8") and not has_int8:
        raise SetupError(f"S2V_WHISPER_COMPUTE_TYPE: {compute_type} is for faster-whisper only; set auto, float16 or float32")
    return Device(kind, compute_type, batch_size or (GPU_BATCH if kind == CUDA else 1))


def is_out_of_memory(error: Exception) -> bool:
    """Says whether an engine failed because the GPU's memory is full. CTranslate2 and PyTorch both raise RuntimeError."""
    text = str(error).lower()
    return isinstance(error, RuntimeError) and any(message in text for message in _MEMORY_MESSAGES)
