"""Fonts, text shaping, line breaking and the colours of the themes: what layout measures with and rendering draws with."""
