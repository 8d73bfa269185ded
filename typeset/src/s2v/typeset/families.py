"""The families that a film can be set in, and the one in force: all that is measured or drawn in a `set_in` block is in it.

Each is free (OFL) and has a file a weight, which lies in `fonts`; what it lacks comes from Inter and the families behind that.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from s2v.v1.composition_pb2 import FontWeight


@dataclass(frozen=True, eq=False)
class Family:
    """A Latin family."""

    name: str
    """By which a brand asks for it."""
    css: str
    """As style sheets know it."""
    files: Mapping[FontWeight.ValueType, str]
    """Name of the font file of each weight."""


def _family(name: str, css: str, start: str, end: str) -> Family:
    weights = {
        FontWeight.FONT_WEIGHT_REGULAR: "Regular",
        FontWeight.FONT_WEIGHT_MEDIUM: "Medium",
        FontWeight.FONT_WEIGHT_SEMI_BOLD: "SemiBold",
    }
    return Family(name, css, {weight: f"{start}-{word}.{end}" for weight, word in weights.items()})


INTER = _family("inter", "Inter", "Inter", "otf")
"""The default."""

FAMILIES: Mapping[str, Family] = {
    each.name: each
    for each in (
        INTER,
        _family("ibm-plex-sans", "IBM Plex Sans", "IBMPlexSans", "ttf"),
        _family("montserrat", "Montserrat", "Montserrat", "ttf"),
        _family("source-serif", "Source Serif 4", "SourceSerif4", "ttf"),
    )
}
"""All families by name."""

_in_force: ContextVar[Family] = ContextVar("family", default=INTER)


def family() -> Family:
    """Returns the family in force."""
    return _in_force.get()


def find_family(name: str) -> Family:
    """Returns the family of that name; Inter for an empty one.

    Errors: ValueError when there is none.
    """
    if name and name not in FAMILIES:
        raise ValueError(f"there is no font family {name[:40]!r}: use one of {', '.join(FAMILIES)}")
    return FAMILIES[name] if name else INTER


@contextmanager
def set_in(name: str) -> Iterator[Family]:
    """Puts the family of that name in force for a block of this thread or task; an empty name means Inter.

    Errors: ValueError when there is none.
    """
    token = _in_force.set(find_family(name))
    try:
        yield _in_force.get()
    finally:
        _in_force.reset(token)
