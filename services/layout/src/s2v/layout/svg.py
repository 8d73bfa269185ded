"""A scene as a picture of its own: SVG with the theme's colours and the fonts inside, its text as text.

It shows the scene when all has been said, without halos. Every text is escaped, so markup in a label stays text.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable
from math import hypot
from xml.sax.saxutils import escape, quoteattr

from s2v.layout.canvas import picture_texts
from s2v.layout.quality import BEHIND, flatten
from s2v.typeset.families import INTER, family, set_in
from s2v.typeset.fonts import FALLBACKS, css_name, subset
from s2v.typeset.runs import cut_runs, is_right_to_left
from s2v.typeset.themes import Theme, apply_brand, theme
from s2v.typeset.themes.palette import SET_OPACITY
from s2v.v1.composition_pb2 import (
    ColorRole,
    Composition,
    FontWeight,
    Point,
    Route,
    RouteKind,
    Rule,
    SceneLayout,
    Shape,
    ShapeKind,
    TextBlock,
    TextLine,
)
from s2v.v1.job_pb2 import Brand

CONTENT_TYPE = "image/svg+xml"
NO_BRAND = Brand()
OUTLINE_WIDTH = 3.0
BOX_RADIUS = 16.0
CORNER_RADIUS = 18.0
BAR_WIDTH = 9.0
"""Of the heavier edge of a cause."""
ARROW = 18.0
"""Length and width of an arrowhead."""
LOGO_SIZE, LOGO_GAP = (280.0, 48.0), (80.0, 36.0)
"""Largest place of a brand's logo, and its distance from the right and lower edge, on a canvas of 1080: as in the video."""
PNG = b"\x89PNG"
"""How each PNG file begins."""
EMBED, END_EMBEDDING = "\u202b", "\u202c"
"""Unicode's marks around a text that is written from right to left."""
ANY_WEIGHT = "100 900"
"""Of the fonts behind Inter, which have one weight only."""
CSS_WEIGHTS = {FontWeight.FONT_WEIGHT_REGULAR: 400, FontWeight.FONT_WEIGHT_MEDIUM: 500, FontWeight.FONT_WEIGHT_SEMI_BOLD: 600}


def draw(composition: Composition, scene: SceneLayout, brand: Brand = NO_BRAND) -> bytes:
    """Returns a scene of a composition as a self-contained SVG file (UTF-8), in a brand's colours and with its logo.

    Errors: ValueError as `apply_brand`.
    """
    with set_in(composition.font):
        return _draw(composition, scene, apply_brand(theme(composition.theme), brand), brand.logo)


def _draw(composition: Composition, scene: SceneLayout, look: Theme, logo: bytes) -> bytes:
    unit = min(composition.width, composition.height) / 1080
    behind = [shape for shape in scene.shapes if shape.kind in BEHIND]
    pieces = [_shape(shape, look, unit) for shape in behind]
    pieces += [_rule(rule, look) for rule in scene.rules]
    pieces += [_route(route, look, unit) for route in scene.routes if len(route.points) > 1]
    pieces += [_shape(shape, look, unit) for shape in scene.shapes if shape not in behind]
    blocks = [block for block in (scene.title, *picture_texts(scene)) if block.lines]
    pieces += [_text(block, look) for block in blocks]
    # Of a picture that the camera moves over, the whole is shown.
    width = composition.width + round(max((keyframe.x for keyframe in scene.camera), default=0.0))
    height = composition.height + round(max((keyframe.y for keyframe in scene.camera), default=0.0))
    name = escape(printable(scene.chapter or scene.scene_id))
    return "\n".join(
        [
            '<?xml version="1.0" encoding="UTF-8"?>',
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" role="img"'
            ' aria-labelledby="title description">',
            f'<title id="title">{name}</title>',
            f'<desc id="description">{escape(_describe(scene))}</desc>',
            f"<style>{_fonts(blocks)}</style>",
            f'<rect width="{width}" height="{height}" fill="{look.background}"/>',
            *pieces,
            *([_logo(logo, width, height, unit)] if logo else []),
            "</svg>",
            "",
        ]
    ).encode()


def logo_type(logo: bytes) -> str:
    """Returns the media type of a logo: PNG or SVG, which are all that a brand may give."""
    return "image/png" if logo.startswith(PNG) else "image/svg+xml"


def _logo(logo: bytes, width: int, height: int, unit: float) -> str:
    """Returns a logo as an image: a viewer runs no script in it and fetches nothing for it, whatever the file holds."""
    (wide, high), (right, bottom) = LOGO_SIZE, LOGO_GAP
    place = f'x="{_number(width - (right + wide) * unit)}" y="{_number(height - (bottom + high) * unit)}"'
    size = f'width="{_number(wide * unit)}" height="{_number(high * unit)}" preserveAspectRatio="xMaxYMax meet"'
    return f'<image {place} {size} href="data:{logo_type(logo)};base64,{b64encode(logo).decode()}"/>'


def _describe(scene: SceneLayout) -> str:
    names = {shape.node_id: " ".join(line.text for text in shape.texts for line in text.lines) for shape in scene.shapes}
    parts = [", ".join(names.values())] if names else []
    for route in scene.routes:
        label = " ".join(line.text for line in route.label.lines)
        parts.append(f"{names[route.source]} → {names[route.target]}" + (f" ({label})" if label else ""))
    return printable(". ".join(parts))


def _fonts(blocks: Iterable[TextBlock]) -> str:
    used: dict[str, set[str]] = {}
    for block in blocks:
        for line in block.lines:
            for run in cut_runs(line.text, block.weight):
                used.setdefault(run.file, set()).update(run.text)
    weights = {file: f"{CSS_WEIGHTS[weight]}" for each in (family(), INTER) for weight, file in each.files.items()}
    faces = []
    for file, characters in sorted(used.items()):
        data = b64encode(subset(file, "".join(sorted(characters)))).decode()
        form, kind = ("opentype", "otf") if file.endswith(".otf") else ("truetype", "ttf")
        faces.append(
            f'@font-face{{font-family:"{css_name(file)}";font-weight:{weights.get(file, ANY_WEIGHT)};'
            f'src:url(data:font/{kind};base64,{data}) format("{form}")}}'
        )
    return "".join(faces)


def _text(block: TextBlock, look: Theme) -> str:
    lines = "".join(_line(line) for line in block.lines)
    whole = f"<title>{escape(printable(block.full_text))}</title>" if block.full_text else ""
    size = f'font-weight="{CSS_WEIGHTS[block.weight]}" font-size="{_number(block.size_px)}"'
    # Quoted: a name may end in a number.
    names = dict.fromkeys(f"'{name}'" for name in (family().css, INTER.css, *FALLBACKS.values()))
    families = ", ".join((*names, "sans-serif"))
    return f'<text font-family="{families}" {size} fill="{look.color(block.color)}">{whole}{lines}</text>'


def _line(line: TextLine) -> str:
    """Fastens the end of a line that its reader starts at: a viewer may set the spaces between scripts a little narrower."""
    text, x, anchor = escape(printable(line.text)), line.x, ""
    if is_right_to_left(line.text):
        # Embedded, as the whole picture is written from the left.
        text, x, anchor = f"{EMBED}{text}{END_EMBEDDING}", line.x + line.width, ' text-anchor="end"'
    return f'<tspan x="{_number(x)}" y="{_number(line.baseline_y)}"{anchor}>{text}</tspan>'


def _shape(shape: Shape, look: Theme, unit: float) -> str:
    rect, accent = shape.rect, look.color(shape.accent)
    node = f"data-node={quoteattr(printable(shape.node_id))}"
    fill = look.color(ColorRole.COLOR_ROLE_SURFACE)
    paint = f'{node} fill="{fill}" stroke="{accent}" stroke-width="{_number(OUTLINE_WIDTH * unit)}"'
    x, y, width, height = rect.x, rect.y, rect.width, rect.height
    if shape.kind == ShapeKind.SHAPE_KIND_TEXT:
        return ""
    if shape.kind == ShapeKind.SHAPE_KIND_DOT:
        center = f'cx="{_number(x + width / 2)}" cy="{_number(y + height / 2)}"'
        return f'<circle {node} {center} r="{_number(width / 2)}" fill="{accent}"/>'
    if shape.kind == ShapeKind.SHAPE_KIND_CIRCLE:
        center = f'cx="{_number(x + width / 2)}" cy="{_number(y + height / 2)}"'
        line = f'stroke="{accent}" stroke-width="{_number(OUTLINE_WIDTH * unit)}"'
        return f'<circle {node} {center} r="{_number(width / 2)}" fill="{accent}" fill-opacity="{SET_OPACITY}" {line}/>'
    if shape.kind == ShapeKind.SHAPE_KIND_DIAMOND:
        corners = ((x + width / 2, y), (x + width, y + height / 2), (x + width / 2, y + height), (x, y + height / 2))
        points = " ".join(f"{_number(a)},{_number(b)}" for a, b in corners)
        return f'<polygon {paint} stroke-linejoin="round" points="{points}"/>'
    radius = {ShapeKind.SHAPE_KIND_PILL: height / 2, ShapeKind.SHAPE_KIND_BOX: 0.0}.get(shape.kind, BOX_RADIUS * unit)
    size = f'x="{_number(x)}" y="{_number(y)}" width="{_number(width)}" height="{_number(height)}" rx="{_number(radius)}"'
    box = f"<rect {paint} {size}/>"
    if shape.kind != ShapeKind.SHAPE_KIND_BARRED_BOX:
        return box
    bar = BAR_WIDTH * unit
    edge = (
        f"M{_number(x + radius)} {_number(y)}A{_number(radius)} {_number(radius)} 0 0 0 {_number(x)} {_number(y + radius)}"
        f"V{_number(y + height - radius)}A{_number(radius)} {_number(radius)} 0 0 0 {_number(x + radius)} {_number(y + height)}"
        f"A{_number(radius - bar)} {_number(radius)} 0 0 1 {_number(x + bar)} {_number(y + height - radius)}"
        f"V{_number(y + radius)}A{_number(radius - bar)} {_number(radius)} 0 0 1 {_number(x + radius)} {_number(y)}Z"
    )
    return f'{box}<path fill="{accent}" d="{edge}"/>'


def _rule(rule: Rule, look: Theme) -> str:
    start, end = getattr(rule, "from"), rule.to
    cap = "round" if rule.round_caps else "butt"
    return (
        f'<line x1="{_number(start.x)}" y1="{_number(start.y)}" x2="{_number(end.x)}" y2="{_number(end.y)}"'
        f' stroke="{look.color(rule.color)}" stroke-width="{_number(rule.width_px)}" stroke-linecap="{cap}"/>'
    )


def _route(route: Route, look: Theme, unit: float) -> str:
    color = look.color(route.color)
    points = list(route.points)
    head = ""
    curved = route.kind == RouteKind.ROUTE_KIND_CURVED
    if route.arrowhead:
        tip, before = points[-1], _before(route, ARROW * unit)
        length = hypot(tip.x - before.x, tip.y - before.y)
        dx, dy = (tip.x - before.x) / length, (tip.y - before.y) / length
        arrow = ARROW * unit
        base = Point(x=tip.x - dx * arrow, y=tip.y - dy * arrow)
        corners = (
            (tip.x, tip.y),
            (base.x - dy * arrow / 2, base.y + dx * arrow / 2),
            (base.x + dy * arrow / 2, base.y - dx * arrow / 2),
        )
        head = f'<polygon fill="{color}" points="{" ".join(f"{_number(a)},{_number(b)}" for a, b in corners)}"/>'
        if curved:
            # The curve's last piece ends at the back of the head, in the same direction.
            points[-2] = Point(x=points[-2].x + base.x - tip.x, y=points[-2].y + base.y - tip.y)
        points[-1] = base
    radius = CORNER_RADIUS * unit if route.kind == RouteKind.ROUTE_KIND_ORTHOGONAL else 0.0
    line = _curve(points) if curved else _path(points, radius)
    return f'<path fill="none" stroke="{color}" stroke-width="{_number(OUTLINE_WIDTH * unit)}" d="{line}"/>{head}'


def _before(route: Route, distance: float) -> Point:
    """Returns the point from which the arrowhead looks: the last corner; of a curve, where the back of the head is."""
    if route.kind != RouteKind.ROUTE_KIND_CURVED:
        return route.points[-2]
    tip = route.points[-1]
    line = [Point(x=x, y=y) for x, y in flatten(route)]
    return next((point for point in reversed(line) if hypot(point.x - tip.x, point.y - tip.y) >= distance), line[0])


def _curve(points: list[Point]) -> str:
    pairs = [f"{_number(point.x)} {_number(point.y)}" for point in points]
    return f"M{pairs[0]}" + "".join(f"C{' '.join(pairs[n : n + 3])}" for n in range(1, len(pairs), 3))


def _path(points: list[Point], radius: float) -> str:
    """Joins points by straight lines whose corners are rounded."""
    path = f"M{_number(points[0].x)} {_number(points[0].y)}"
    for before, corner, after in zip(points, points[1:], points[2:], strict=False):
        enter, leave = _towards(corner, before, radius), _towards(corner, after, radius)
        path += f"L{_number(enter[0])} {_number(enter[1])}"
        path += f"Q{_number(corner.x)} {_number(corner.y)} {_number(leave[0])} {_number(leave[1])}"
    return f"{path}L{_number(points[-1].x)} {_number(points[-1].y)}"


def _towards(start: Point, end: Point, distance: float) -> tuple[float, float]:
    length = hypot(end.x - start.x, end.y - start.y)
    share = min(distance / length, 0.5) if length else 0.0
    return start.x + (end.x - start.x) * share, start.y + (end.y - start.y) * share


def printable(text: str) -> str:
    """Returns a text without the characters that XML has no place for, not even escaped."""
    return "".join(each for each in text if each in "\t\n\r" or (each >= " " and each not in "\ufffe\uffff"))


def _number(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")
