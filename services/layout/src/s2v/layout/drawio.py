"""A composition as a file of draw.io (diagrams.net), to go on with by hand: a page a scene, everything in its place.

The format is mxGraph's XML; styles are those of https://www.drawio.com/doc/faq/drawio-style-reference.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from xml.sax.saxutils import escape, quoteattr

from s2v.layout.quality import flatten
from s2v.layout.svg import LOGO_GAP, LOGO_SIZE, NO_BRAND, logo_type, printable
from s2v.typeset.families import family, set_in
from s2v.typeset.themes import Theme, apply_brand, theme
from s2v.typeset.themes.palette import SET_OPACITY
from s2v.v1.composition_pb2 import (
    ColorRole,
    Composition,
    FontWeight,
    Rect,
    Route,
    RouteKind,
    Rule,
    SceneLayout,
    Shape,
    ShapeKind,
    TextBlock,
)
from s2v.v1.job_pb2 import Brand

CONTENT_TYPE = "application/vnd.jgraph.mxfile"
STYLES = {
    ShapeKind.SHAPE_KIND_ROUNDED_BOX: "rounded=1;arcSize=16;absoluteArcSize=1",
    ShapeKind.SHAPE_KIND_BARRED_BOX: "rounded=1;arcSize=16;absoluteArcSize=1",
    ShapeKind.SHAPE_KIND_PANEL: "rounded=1;arcSize=16;absoluteArcSize=1;fillOpacity=50;verticalAlign=top",
    ShapeKind.SHAPE_KIND_BOX: "rounded=0",
    ShapeKind.SHAPE_KIND_DIAMOND: "rhombus",
    ShapeKind.SHAPE_KIND_PILL: "rounded=1;arcSize=50",
    ShapeKind.SHAPE_KIND_DOT: "ellipse",
    ShapeKind.SHAPE_KIND_CIRCLE: f"ellipse;fillOpacity={SET_OPACITY * 100:.0f}",
}
"""draw.io's names of the outlines."""
FILLED = frozenset((ShapeKind.SHAPE_KIND_DOT, ShapeKind.SHAPE_KIND_CIRCLE))
"""Shapes filled with their accent."""


def draw(composition: Composition, brand: Brand = NO_BRAND) -> bytes:
    """Returns the file (UTF-8). Labels are plain text: markup in them is shown, not obeyed.

    Errors: ValueError as `apply_brand`.
    """
    look = apply_brand(theme(composition.theme), brand)
    with set_in(composition.font):
        pages = "".join(_page(composition, scene, look, brand.logo) for scene in composition.scenes)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<mxfile host="s2v">{pages}</mxfile>\n'.encode()


def _page(composition: Composition, scene: SceneLayout, look: Theme, logo: bytes) -> str:
    size = f'pageWidth="{composition.width}" pageHeight="{composition.height}" background="{look.background}"'
    cells = "".join(
        [
            *(_rule(number, rule, look) for number, rule in enumerate(scene.rules)),
            *(cell for shape in scene.shapes for cell in _shape(shape, look)),
            *(cell for route in scene.routes for cell in _route(route, look)),
            *([_text("title", scene.title, look)] if scene.title.lines else []),
            *([_logo(composition, logo)] if logo else []),
        ]
    )
    name = quoteattr(printable(scene.chapter or scene.scene_id)[:60])
    return (
        f"<diagram id={quoteattr(scene.scene_id)} name={name}><mxGraphModel grid='0' page='1' {size}><root>"
        f'<mxCell id="0"/><mxCell id="1" parent="0"/>{cells}</root></mxGraphModel></diagram>'
    )


def _logo(composition: Composition, logo: bytes) -> str:
    unit = min(composition.width, composition.height) / 1080
    (width, height), (right, bottom) = ([each * unit for each in pair] for pair in (LOGO_SIZE, LOGO_GAP))
    place = Rect(x=composition.width - right - width, y=composition.height - bottom - height, width=width, height=height)
    # draw.io leaves the word base64 out, as a semicolon ends an entry of its styles.
    style = f"shape=image;aspect=fixed;imageAlign=right;image=data:{logo_type(logo)},{b64encode(logo).decode()}"
    return _vertex("logo", "", style, place)


def _shape(shape: Shape, look: Theme) -> Iterator[str]:
    if shape.kind != ShapeKind.SHAPE_KIND_TEXT:
        accent = look.color(shape.accent)
        fill = accent if shape.kind in FILLED else look.color(ColorRole.COLOR_ROLE_SURFACE)
        style = f"{STYLES[shape.kind]};fillColor={fill};strokeColor={accent};strokeWidth=3"
        yield _vertex(f"n-{shape.node_id}", "", style, shape.rect)
    for number, block in enumerate((*shape.texts, *(each.text for each in shape.annotations))):
        yield _text(f"t{number}-{shape.node_id}", block, look)


def _route(route: Route, look: Theme) -> Iterator[str]:
    points = flatten(route)
    if len(points) > 1:
        # The points are all there are: draw.io adds none of its own, and a curve is a line through points on it.
        rounded = "rounded=1" if route.kind == RouteKind.ROUTE_KIND_ORTHOGONAL else "rounded=0"
        head = "block" if route.arrowhead else "none"
        style = f"{rounded};endArrow={head};endFill=1;strokeColor={look.color(route.color)};strokeWidth=3"
        yield _line(f"e-{route.edge_id}", style, points)
    if route.label.lines:
        yield _text(f"l-{route.edge_id}", route.label, look)


def _rule(number: int, rule: Rule, look: Theme) -> str:
    start = getattr(rule, "from")
    style = f"endArrow=none;strokeColor={look.color(rule.color)};strokeWidth={rule.width_px:.0f}"
    return _line(f"r-{number}", style, [(start.x, start.y), (rule.to.x, rule.to.y)])


def _text(name: str, block: TextBlock, look: Theme) -> str:
    bold = "1" if block.weight == FontWeight.FONT_WEIGHT_SEMI_BOLD else "0"
    starts, ends = {round(line.x) for line in block.lines}, {round(line.x + line.width) for line in block.lines}
    align = "center" if len(block.lines) < 2 or len(starts) == len(ends) else "left" if len(starts) == 1 else "right"
    style = (
        f"text;html=0;align={align};verticalAlign=middle;fontFamily={family().css};fontSize={block.size_px:.0f};fontStyle={bold};"
        f"fontColor={look.color(block.color)}"
    )
    return _vertex(name, block.full_text or "\n".join(line.text for line in block.lines), style, block.bounds)


def _vertex(name: str, text: str, style: str, rect: Rect) -> str:
    value = quoteattr(printable(text), {"\n": "&#10;"})
    place = f'x="{rect.x:.1f}" y="{rect.y:.1f}" width="{rect.width:.1f}" height="{rect.height:.1f}"'
    return (
        f'<mxCell id={quoteattr(name)} value={value} style="{escape(style)}" vertex="1" parent="1">'
        f'<mxGeometry {place} as="geometry"/></mxCell>'
    )


def _line(name: str, style: str, points: list[tuple[float, float]]) -> str:
    (x0, y0), *inner, (x1, y1) = points
    corners = "".join(f'<mxPoint x="{x:.1f}" y="{y:.1f}"/>' for x, y in inner)
    between = f'<Array as="points">{corners}</Array>' if inner else ""
    return (
        f'<mxCell id={quoteattr(name)} style="{escape(style)}" edge="1" parent="1"><mxGeometry relative="1" as="geometry">'
        f'<mxPoint x="{x0:.1f}" y="{y0:.1f}" as="sourcePoint"/><mxPoint x="{x1:.1f}" y="{y1:.1f}" as="targetPoint"/>'
        f"{between}</mxGeometry></mxCell>"
    )
