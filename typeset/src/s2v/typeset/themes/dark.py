"""The dark theme; the default: accents have a contrast of at least 6.9:1 on the surface."""

from s2v.typeset.themes.palette import Theme
from s2v.v1.composition_pb2 import ColorRole

DARK = Theme(
    name="dark",
    background="#0E1420",
    colors={
        ColorRole.COLOR_ROLE_SURFACE: "#1A2333",
        ColorRole.COLOR_ROLE_LINE: "#5D7293",
        ColorRole.COLOR_ROLE_TEXT: "#F3F6FB",
        ColorRole.COLOR_ROLE_MUTED: "#A3B1C6",
        ColorRole.COLOR_ROLE_BLUE: "#6CB2FF",
        ColorRole.COLOR_ROLE_AMBER: "#FFB95E",
        ColorRole.COLOR_ROLE_GREEN: "#5FD6A6",
        ColorRole.COLOR_ROLE_ROSE: "#FF86A6",
        ColorRole.COLOR_ROLE_VIOLET: "#BDA4FF",
        ColorRole.COLOR_ROLE_CYAN: "#5FD4E6",
    },
)
