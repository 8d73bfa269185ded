"""What a user may choose: defaults filled in, and nothing else let through."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TypeVar

from s2v.runtime.bus import PRIORITIES
from s2v.runtime.errors import InvalidInputError
from s2v.runtime.vocabulary import check_vocabulary
from s2v.typeset import themes
from s2v.v1.job_pb2 import Brand, JobOptions, Priority

T = TypeVar("T", int, str)

THEMES = ("dark", "light")
HEIGHTS = (1080, 720, 2160)
"""Pixels; the first is the default."""
FRAME_RATES = (30, 24, 60)
"""Frames a second; the first is the default."""
ASPECTS = ("16:9", "9:16", "1:1")
"""Width to height; the first is the default."""
LANGUAGE_CHARACTERS = 35
"""Longest language tag that RFC 5646 (section 4.4.1) asks software to take."""

_LANGUAGE = re.compile(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*")


def complete(options: JobOptions) -> JobOptions:
    """Returns the options with every default filled in.

    Errors: InvalidInputError that names the field.
    """
    if options.language and (len(options.language) > LANGUAGE_CHARACTERS or not _LANGUAGE.fullmatch(options.language)):
        raise _refused(
            "language", options.language[:80], "use a BCP 47 tag such as en, fr or pt-BR, or leave it empty to detect it"
        )
    if options.priority and options.priority not in PRIORITIES:
        raise _refused("priority", str(options.priority), "use PRIORITY_HIGH, PRIORITY_NORMAL or PRIORITY_LOW")
    theme = _chosen("theme", options.theme[:80], THEMES)
    return JobOptions(
        language=options.language,
        theme=theme,
        height=_chosen("height", options.height, HEIGHTS),
        frame_rate=_chosen("frame_rate", options.frame_rate, FRAME_RATES),
        strict=options.strict,
        priority=options.priority or Priority.PRIORITY_NORMAL,
        aspect=_chosen("aspect", options.aspect[:80], ASPECTS),
        vocabulary=check_vocabulary(options.vocabulary, "options.vocabulary"),
        reduce_noise=options.reduce_noise,
        hls=options.hls,
        burn_captions=options.burn_captions,
        brand=_check_brand(options.brand, theme) if options.HasField("brand") else None,
    )


def _check_brand(brand: Brand, theme: str) -> Brand:
    """Returns the brand if text in its colours can be read and its logo may be opened, as layout and rendering do."""
    try:
        if brand.logo:
            themes.check_logo(brand.logo)
    except ValueError as error:
        raise InvalidInputError(f"options.{error}", reason="INVALID_OPTION", field="options.brand.logo") from error
    try:
        themes.apply_brand(themes.theme(theme), brand)
    except ValueError as error:
        raise InvalidInputError(f"options.{error}", reason="INVALID_OPTION", field="options.brand") from error
    return brand


def _chosen(field: str, given: T, allowed: Sequence[T]) -> T:
    if given and given not in allowed:
        listed = [str(value) for value in sorted(allowed)]
        raise _refused(field, str(given), f"use {', '.join(listed[:-1])} or {listed[-1]}")
    return given or allowed[0]


def _refused(field: str, given: str, remedy: str) -> InvalidInputError:
    return InvalidInputError(f"options.{field} is {given!r}; {remedy}", reason="INVALID_OPTION", field=f"options.{field}")
