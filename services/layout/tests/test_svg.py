"""Protects the SVG export: it is well formed, self-contained, accessible, and markup in a label stays text."""

import re
from xml.etree import ElementTree as Tree

import cv2
import numpy as np
import pytest

from s2v.layout import drawio, png, svg
from s2v.layout.composition import compose
from s2v.layout.processes import draw_scenes
from s2v.runtime.errors import InvalidInputError
from s2v.typeset.fonts import FALLBACKS
from s2v.v1.job_pb2 import Brand
from s2v.v1.storyboard_pb2 import Scene

from .storyboards import CACHE, flowchart, phrase, storyboard, timeline

NAMES = {"svg": "http://www.w3.org/2000/svg"}


def draw(scene: Scene, theme: str = "dark") -> Tree.Element:
    composition, _ = compose(storyboard(scene), 1080, theme, False)
    return Tree.fromstring(svg.draw(composition, composition.scenes[0]))


def test_markup_and_forbidden_characters_in_labels_stay_text() -> None:
    root = draw(phrase('<script>alert("1")</script> & \x0b\ufffe </text>'))
    assert not root.findall(".//svg:script", NAMES)
    text = " ".join(span.text or "" for span in root.findall(".//svg:text/svg:tspan", NAMES))
    assert "<script>alert" in text


def test_it_names_itself_and_fetches_nothing() -> None:
    root = draw(timeline([(1998, "First prototype"), (2007, "Public release")]), "light")
    title, description = root.find("svg:title", NAMES), root.find("svg:desc", NAMES)
    assert title is not None
    assert title.text == "History"
    assert description is not None
    assert "First prototype" in (description.text or "")
    data = Tree.tostring(root, encoding="unicode")
    assert "data:font/otf;base64," in data
    assert data.count("http") == data.count("http://www.w3.org/2000/svg")
    assert "#FAF8F4" in data


@pytest.mark.integration
def test_each_node_and_edge_of_a_flowchart_is_drawn() -> None:
    root = draw(flowchart(*CACHE))
    assert {each.get("data-node") for each in root.iter() if each.get("data-node")} == {"n0", "n1", "n2", "n3"}
    assert len(root.findall("svg:path", NAMES)) == 3


def test_the_drawio_file_has_a_page_a_scene_and_shows_markup_as_text() -> None:
    board = storyboard(timeline([(1998, "First <b>prototype</b>"), (2007, "Public release")]), phrase("Each part can fail."))
    composition, _ = compose(board, 1080, "dark", False)
    root = Tree.fromstring(drawio.draw(composition))
    assert [page.get("name") for page in root.findall("diagram")] == ["History", "Each part can fail."]
    cells = root.findall("./diagram/mxGraphModel/root/mxCell")
    texts = [cell.get("value") for cell in cells if cell.get("value")]
    assert any("<b>" in (text or "") for text in texts)
    assert all("html=0" in (cell.get("style") or "") for cell in cells if cell.get("value"))
    ids = [cell.get("id") for cell in root.findall("./diagram[1]/mxGraphModel/root/mxCell")]
    assert len(ids) == len(set(ids))


@pytest.mark.integration
@pytest.mark.parametrize(
    "label", ["查询主数据库", "キャッシュ", "데이터베이스", "قاعدة البيانات", "מסד נתונים", "ฐานข้อมูล", "डेटाबेस", "🚀 go"]
)
def test_png_and_svg_show_every_script_that_the_fonts_have(label: str) -> None:
    """The PNG, of bundled fonts alone, changes with the label; the SVG brings the glyphs along; nothing is degraded."""
    nodes, edges = CACHE
    board = storyboard(flowchart([*nodes[:3], (nodes[3][0], label)], edges))
    composition, report = compose(board, 1080, "dark", True)
    assert not report.degradations
    (scene,) = composition.scenes
    drawn = png.draw(composition, scene)
    assert drawn.startswith(b"\x89PNG")
    (shape,) = (shape for shape in scene.shapes if shape.node_id == "n3")
    for text in shape.texts:
        for line in text.lines:
            line.text = ""
    assert png.draw(composition, scene) != drawn
    composition, _ = compose(board, 1080, "dark", True)
    whole = svg.draw(composition, composition.scenes[0]).decode()
    assert any(f'font-family:"{family}"' in whole for family in FALLBACKS.values())


@pytest.mark.integration
def test_exports_have_the_brands_colours_and_font() -> None:
    brand = Brand(background="#101820", surface="#14202B", font="source-serif")
    composition, _ = compose(storyboard(flowchart(*CACHE)), 1080, "dark", True, font=brand.font)
    (scene,) = composition.scenes
    whole = svg.draw(composition, scene, brand).decode()
    assert "#101820" in whole
    assert "'Source Serif 4'" in whole
    assert '@font-face{font-family:"Source Serif 4";font-weight:500' in whole
    drawn = drawio.draw(composition, brand).decode()
    assert "#101820" in drawn
    assert "fontFamily=Source Serif 4" in drawn
    in_serif = png.draw(composition, scene, brand)
    composition.font = ""
    assert in_serif != png.draw(composition, scene, brand)


def test_exports_have_the_colours_and_the_logo_of_the_jobs_brand() -> None:
    composition, _ = compose(storyboard(phrase("Each part can fail.")), 1080, "light", False)
    scene = composition.scenes[0]
    logo = b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 40 20"><rect width="40" height="20" fill="#ff0000"/></svg>'
    brand = Brand(background="#FFFFFF", text="#101010", logo=logo)
    root = Tree.fromstring(svg.draw(composition, scene, brand))
    assert root.find("svg:rect", NAMES).get("fill") == "#FFFFFF"  # type: ignore[union-attr]
    assert "#101010" in {each.get("fill") for each in root.findall(".//svg:text", NAMES)}
    image = root.find("svg:image", NAMES)
    assert image is not None
    assert float(image.get("x", 0)) + float(image.get("width", 0)) == 1920 - 80
    page = drawio.draw(composition, brand).decode()
    assert "shape=image" in page
    assert 'background="#FFFFFF"' in page
    pixels = cv2.imdecode(np.frombuffer(png.draw(composition, scene, brand), np.uint8), cv2.IMREAD_COLOR)
    assert pixels is not None
    assert pixels[1080 - 36 - 20, 1920 - 80 - 20].tolist() == [0, 0, 255], "the logo stands at the lower right"
    assert pixels[0, 0].tolist() == [255, 255, 255]


def test_a_brand_in_which_text_cannot_be_read_is_refused() -> None:
    composition, _ = compose(storyboard(phrase("Each part can fail.")), 1080, "light", False)
    with pytest.raises(InvalidInputError, match="contrast"):
        draw_scenes(composition.SerializeToString(), Brand(text="#EEEEEE").SerializeToString())


def test_a_logo_is_checked_before_it_is_opened() -> None:
    """A PNG of one bit a pixel holds half a thousand million pixels in 64 KiB."""
    composition, _ = compose(storyboard(phrase("Each part can fail.")), 1080, "dark", False)
    huge = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + (22_000).to_bytes(4, "big") * 2
    with pytest.raises(InvalidInputError, match="22000 × 22000") as refused:
        draw_scenes(composition.SerializeToString(), Brand(logo=huge).SerializeToString())
    assert refused.value.field == "options.brand"


def test_lines_from_right_to_left_are_fastened_at_their_right_ends() -> None:
    """A viewer that sets a space narrower than was measured would else draw them with a ragged right edge."""
    hebrew = "המערכת שולחת API REST לכל שרת כדי לקבל את התשובה מהר יותר מאשר קודם"
    composition, _ = compose(storyboard(phrase(hebrew)), 1080, "dark", strict=True)
    (block,) = composition.scenes[0].shapes[0].texts
    drawn = svg.draw(composition, composition.scenes[0]).decode()
    right = {f"{line.x + line.width:.4g}" for line in block.lines}
    assert len(right) == 1
    anchored = re.findall(r'<tspan x="([\d.]+)" y="[\d.]+" text-anchor="end">', drawn)
    assert {f"{float(x):.4g}" for x in anchored} == right
    assert len(anchored) == len(block.lines)
    assert "align=right" in drawio.draw(composition).decode()
