"""The light theme; accents have a contrast of at least 4.7:1 on the surface."""

from s2v.typeset.themes.palette import Theme
from s2v.v1.composition_pb2 import ColorRole

LIGHT = Theme(
    name="light",
    background="#FAF8F4",
    colors={
        ColorRole.COLOR_ROLE_SURFACE: "#FFFFFF",
        ColorRole.COLOR_ROLE_LINE: "#7C8898",
        ColorRole.COLOR_ROLE_TEXT: "#172033",
        ColorRole.COLOR_ROLE_MUTED: "#556277",
        ColorRole.COLOR_ROLE_BLUE: "#1F6FD1",
        ColorRole.COLOR_ROLE_AMBER: "#A85B00",
        ColorRole.COLOR_ROLE_GREEN: "#0E7C55",
        ColorRole.COLOR_ROLE_ROSE: "#C2305F",
        ColorRole.COLOR_ROLE_VIOLET: "#6B4BC4",
        ColorRole.COLOR_ROLE_CYAN: "#0B7285",
    },
)
