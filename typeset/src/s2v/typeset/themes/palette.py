"""What a theme is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from s2v.v1.composition_pb2 import ColorRole

SETS = (ColorRole.COLOR_ROLE_BLUE, ColorRole.COLOR_ROLE_AMBER, ColorRole.COLOR_ROLE_GREEN)
"""Accents of sets that overlap, in turn."""
SET_OPACITY = 0.16
"""Of the fill of a set, on the background."""


@dataclass(frozen=True)
class Theme:
    """Colours by what they are for. Colours are "#RRGGBB" in sRGB."""

    name: str
    """Name by which a job asks for it."""
    background: str
    """Fill of the canvas."""
    colors: Mapping[ColorRole.ValueType, str]
    """Colour of each role but UNSPECIFIED."""

    def color(self, role: ColorRole.ValueType) -> str:
        """Returns the colour of a role.

        Errors: ValueError for a role that is not said.
        """
        if role not in self.colors:
            raise ValueError(f"theme {self.name!r} has no colour for {ColorRole.Name(role)}")
        return self.colors[role]
