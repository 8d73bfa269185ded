"""From what the command line says to the options of a job."""

from __future__ import annotations

from typing import TYPE_CHECKING

from s2v.cli.options import Aspect, Finish, FrameRate, Height, Priority, Theme, Words

if TYPE_CHECKING:
    from s2v.v1.job_pb2 import JobOptions


def read_options(  # noqa: PLR0917 - a choice each
    theme: Theme,
    height: Height,
    fps: FrameRate,
    aspect: Aspect,
    words: Words,
    finish: Finish,
    *,
    strict: bool,
    priority: Priority,
) -> JobOptions:
    """Makes a job's options of what the command line says; ends the command when the brand cannot be used."""
    from s2v.cli.brand import read_brand
    from s2v.cli.exits import report
    from s2v.v1 import job_pb2

    try:
        brand = read_brand(finish, theme)
    except Exception as error:
        report(error)

    return job_pb2.JobOptions(
        theme=theme,
        height=int(height),
        frame_rate=int(fps),
        aspect=aspect,
        language=words.language,
        vocabulary=words.terms,
        reduce_noise=words.reduce_noise,
        hls=finish.hls,
        burn_captions=finish.burn_captions,
        brand=brand,
        strict=strict,
        priority=job_pb2.Priority.Value(f"PRIORITY_{priority.name}"),
    )
