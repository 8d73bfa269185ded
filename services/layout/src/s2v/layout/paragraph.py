"""Measured text, before and after it has its place."""

from __future__ import annotations

from dataclasses import dataclass

from s2v.typeset.lines import is_abbreviated, is_whole, wrap
from s2v.typeset.runs import is_right_to_left
from s2v.typeset.shaping import clean, metrics, width
from s2v.v1.composition_pb2 import ColorRole, FontWeight, Rect, TextBlock, TextLine

LINE_PITCH = 1.32
"""From baseline to baseline, in em."""


@dataclass(frozen=True)
class Style:
    """How a text is set."""

    size_px: float
    weight: FontWeight.ValueType
    color: ColorRole.ValueType = ColorRole.COLOR_ROLE_TEXT


@dataclass(frozen=True)
class Paragraph:
    """Lines of a text with their widths, not yet placed."""

    lines: tuple[str, ...]
    widths: tuple[float, ...]
    """Advance width of each line, in px."""
    style: Style
    full_text: str
    """The whole text when the lines are an abbreviation of it, else empty."""
    whole: bool
    """Whether the lines hold the whole text and no word is broken over two."""

    @property
    def is_right_to_left(self) -> bool:
        """Whether its lines start at the right."""
        return is_right_to_left("".join(self.lines))

    @property
    def width(self) -> float:
        """Width of the widest line, in px."""
        return max(self.widths, default=0.0)

    @property
    def pitch(self) -> float:
        """From baseline to baseline, in px."""
        return LINE_PITCH * self.style.size_px

    @property
    def height(self) -> float:
        """From the top of the tallest letters of the first line to the bottom of the deepest of the last, in px."""
        if not self.lines:
            return 0.0
        heights = metrics(self.style.weight)
        return (heights.ascent - heights.descent) * self.style.size_px + (len(self.lines) - 1) * self.pitch

    @property
    def ink_height(self) -> float:
        """From the top of the capitals of the first line to the baseline of the last, in px: what the eye centres."""
        if not self.lines:
            return 0.0
        return metrics(self.style.weight).cap_height * self.style.size_px + (len(self.lines) - 1) * self.pitch

    def centered(self, x: float, y: float) -> TextBlock:
        """Returns the text with each line centred on `x` and its ink on `y`."""
        first = y - self.ink_height / 2 + metrics(self.style.weight).cap_height * self.style.size_px
        return self._placed([x - width / 2 for width in self.widths], first)

    def ranged_left(self, x: float, first_baseline: float) -> TextBlock:
        """Returns the text with all lines starting at `x`."""
        return self._placed([x] * len(self.lines), first_baseline)

    def ranged_right(self, x: float, first_baseline: float) -> TextBlock:
        """Returns the text with all lines ending, or, from right to left, starting at `x`."""
        return self._placed([x - width for width in self.widths], first_baseline)

    def below(self, x: float, top: float) -> TextBlock:
        """Returns the text with each line centred on `x` and its box starting at `top`."""
        first = top + metrics(self.style.weight).ascent * self.style.size_px
        return self._placed([x - width / 2 for width in self.widths], first)

    def _placed(self, lefts: list[float], first_baseline: float) -> TextBlock:
        block = TextBlock(size_px=self.style.size_px, weight=self.style.weight, color=self.style.color, full_text=self.full_text)
        for number, (text, length, left) in enumerate(zip(self.lines, self.widths, lefts, strict=True)):
            block.lines.append(TextLine(text=text, x=left, baseline_y=first_baseline + number * self.pitch, width=length))
        if self.lines:
            top = first_baseline - metrics(self.style.weight).ascent * self.style.size_px
            block.bounds.CopyFrom(Rect(x=min(lefts), y=top, width=self.width, height=self.height))
        return block


def compose_text(text: str, style: Style, max_width: float, max_lines: int) -> Paragraph:
    """Breaks a text into balanced lines of at most `max_width` px, and shortens it where `max_lines` are not enough."""
    lines = wrap(text, style.weight, style.size_px, max_width, max_lines)
    widths = tuple(width(line, style.weight, style.size_px) for line in lines)
    full_text = clean(text) if is_abbreviated(text, lines) else ""
    return Paragraph(lines, widths, style, full_text, is_whole(text, lines))


def widest_word(text: str, style: Style) -> float:
    """Returns the width of the widest word of a text, in px; 0 for an empty one."""
    return max((width(word, style.weight, style.size_px) for word in clean(text).split()), default=0.0)
