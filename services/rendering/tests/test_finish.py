"""What a video has besides: captions in the picture, a brand's colours and logo, plain fades where manim fails."""

from __future__ import annotations

from pathlib import Path

import compositions
import cv2
import numpy as np
import pytest
import resvg_py

from s2v.rendering.choreography import PlainScore
from s2v.rendering.clip import plan_clips
from s2v.rendering.elements import Key, Kind
from s2v.rendering.encoder import ClipEncoder
from s2v.rendering.figures import assemble
from s2v.rendering.logo import open_logo
from s2v.rendering.orders import order_clips
from s2v.rendering.pixels import Pixels, Region
from s2v.rendering.scene import film_scene
from s2v.rendering.still import film_still, paint_still
from s2v.rendering.subtitles import draw_captions
from s2v.runtime.errors import InvalidInputError
from s2v.typeset.families import FAMILIES, set_in
from s2v.typeset.themes import THEMES
from s2v.typeset.themes.logo import LARGEST_BYTES, PNG
from s2v.v1.composition_pb2 import Composition
from s2v.v1.job_pb2 import Brand
from s2v.v1.rendering_service_pb2 import ClipOrder, DrawnCaption
from s2v.v1.transcript_pb2 import Segment, Transcript, Word

SVG = b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 40 20"><rect width="40" height="20" fill="#FF0000"/></svg>'
STRIP = 960
"""Rows below are left free by every picture at 1080."""


def words() -> Transcript:
    texts = ["Each", "part", "can", "fail."]
    spoken = [Word(text=text, start_seconds=2 + n / 2, end_seconds=2.5 + n / 2) for n, text in enumerate(texts)]
    return Transcript(
        language="en", duration_seconds=6, segments=[Segment(start_seconds=2, end_seconds=4, text=" ".join(texts), words=spoken)]
    )


def talk() -> Composition:
    return compositions.composition(compositions.flowchart(0, 3), compositions.phrase(3, 6))


def test_captions_stand_in_the_free_strip_for_their_time_alone() -> None:
    orders = order_clips(talk(), 30, words(), None)
    plain = order_clips(talk(), 30, None, None)
    for number, seconds, there in ((0, 1.9, False), (0, 2.1, True), (1, 3.2, True), (1, 5.9, False)):
        with_caption = paint_still(assemble(orders[number]), seconds, 1920, 1080)
        without = paint_still(assemble(plain[number]), seconds, 1920, 1080)
        assert np.array_equal(with_caption[:STRIP], without[:STRIP])
        assert np.array_equal(with_caption, without) != there, seconds


def test_a_long_caption_does_not_run_off() -> None:
    long = DrawnCaption(start_seconds=0, end_seconds=3, lines=["解" * 42, "W" * 42])
    part = plan_clips(talk(), 30)[0]
    part.width, part.height = 1080, 1920
    with_caption = paint_still(assemble(ClipOrder(part=part, captions=[long])), 0.5, 1080, 1920)
    without = paint_still(assemble(ClipOrder(part=part)), 0.5, 1080, 1920)
    changed = np.nonzero((with_caption != without).any(axis=2))[1]
    assert changed.min() > 10
    assert changed.max() < 1070


@pytest.mark.parametrize(("width", "height"), [(1080, 1920), (1080, 1080), (720, 720), (1920, 1080)])
def test_a_caption_and_a_wide_logo_do_not_cover_each_other(width: int, height: int) -> None:
    _, png = cv2.imencode(".png", np.full((48, 280, 4), 255, np.uint8))
    logo = open_logo(png.tobytes(), width, height).region
    assert logo.width == pytest.approx(280 * min(width, height) / 1080, abs=2)
    for lines in (["What forty-two characters of a caption are"], ["n" * 42, "n" * 42], ["解" * 42], ["Short"]):
        caption = DrawnCaption(start_seconds=0, end_seconds=3, lines=lines)
        (drawn,) = draw_captions([caption], THEMES["dark"], width, height, logo)
        covered = Region.around(np.concatenate([ink.curves for ink in drawn.inks]), 0)
        assert not covered.touches(logo), lines
        assert covered.left >= 0
        if height > width:
            assert covered.top >= 1640, lines
            assert covered.bottom <= 1752, lines  # below are telephones' controls
        else:
            assert covered.top >= height - 120 * min(width, height) / 1080, lines
        if lines == ["Short"]:
            assert [ink.curves.tolist() for ink in drawn.inks] == [
                ink.curves.tolist() for ink in draw_captions([caption], THEMES["dark"], width, height)[0].inks
            ]


def test_a_clip_with_a_logo_lays_its_captions_clear_of_it() -> None:
    _, png = cv2.imencode(".png", np.full((48, 280, 4), 255, np.uint8))
    long = DrawnCaption(start_seconds=0, end_seconds=3, lines=["n" * 42])
    part = plan_clips(talk(), 30)[0]
    part.width, part.height = 1080, 1920
    cast = assemble(ClipOrder(part=part, captions=[long], brand=Brand(logo=png.tobytes())))
    (caption,) = (each.element for each in cast.figures if each.element.key.kind == Kind.CAPTION)
    assert cast.logo is not None
    assert not Region.around(caption.inks[0].curves, 0).touches(cast.logo.region)


def test_an_edit_changes_only_the_orders_that_show_it() -> None:
    """Clips are kept by their orders: what stays equal is not drawn again. The next scene shows the edited one leave."""
    scenes = [compositions.flowchart(3 * n, 3 * n + 3) for n in range(6)]
    for number, scene in enumerate(scenes):
        scene.scene_id = f"s{number}"
    before = order_clips(compositions.composition(*scenes), 30, None, None)
    scenes[2].shapes[0].texts[0].CopyFrom(compositions.block("Another label", 300, 430, 30))
    after = order_clips(compositions.composition(*scenes), 30, None, None)
    changed = [
        a.SerializeToString(deterministic=True) != b.SerializeToString(deterministic=True)
        for a, b in zip(before, after, strict=True)
    ]
    assert changed == [False, False, True, True, False, False]


def test_a_brand_colours_every_picture() -> None:
    brand = Brand(background="#002B36", surface="#00212B", accents=["#7FDBCA"])
    (first, _) = order_clips(talk(), 30, None, brand)
    picture = paint_still(assemble(first), 2.9, 1920, 1080)
    assert tuple(picture[10, 10, :3]) == (0x00, 0x2B, 0x36)
    assert (picture[..., :3] == (0x7F, 0xDB, 0xCA)).all(axis=2).any()


@pytest.mark.parametrize(
    ("brand", "said"),
    [
        (Brand(text="#303030"), r"brand\.text #303030 has a contrast of .* set brand\.text to #"),
        (Brand(font="papyrus"), "no font family 'papyrus': use one of inter"),
        (Brand(font="montserrat"), "measured in inter: make the layout with the brand"),
        (Brand(logo=b"GIF89a"), "neither PNG nor SVG"),
        (Brand(logo=SVG + b" " * LARGEST_BYTES), f"at most {LARGEST_BYTES}"),
        (Brand(logo=PNG + b"\0\0\0\rIHDR" + (60_000).to_bytes(4, "big") * 2), "60000 × 60000"),
        (Brand(logo=SVG.replace(b"<rect", b'<image href="/etc/passwd"/><rect')), "<image"),
        (Brand(logo=SVG.replace(b"<rect", b'<s:use href="#a"/><rect')), "<s:use"),
        (Brand(logo=SVG.replace(b"<rect", b"<s:script/><rect")), "<s:script"),
        (Brand(logo=b'<!DOCTYPE svg [<!ENTITY a "b">]>' + SVG), "<!DOCTYPE"),
        (Brand(logo=SVG.replace(b"#FF0000", b"url(http://localhost/x)")), "url"),
    ],
)
def test_a_brand_that_cannot_be_used_is_refused_with_the_remedy(brand: Brand, said: str) -> None:
    with pytest.raises(InvalidInputError, match=said) as refused:
        order_clips(talk(), 30, None, brand)
    assert refused.value.field == "options.brand"


def test_text_is_drawn_in_the_family_that_measured_it() -> None:
    """Ink ends where the measured advance does, whatever the family; another family's outlines would not."""
    pictures = {}
    for font in FAMILIES:
        with set_in(font):
            made = talk()
        made.font = font
        node = made.scenes[0].shapes[0]
        order = order_clips(made, 30, None, Brand(font=font))[0]
        (drawn,) = (each.element for each in assemble(order).figures if each.element.key == Key(Kind.SHAPE, node.node_id))
        ink, line = drawn.inks[-1].curves, node.texts[0].lines[-1]
        assert ink[:, 0].max() - ink[:, 0].min() == pytest.approx(line.width, abs=6)
        pictures[font] = paint_still(assemble(order), 2.9, 1920, 1080).tobytes()
    assert len(set(pictures.values())) == len(FAMILIES)


@pytest.mark.parametrize(("width", "height"), [(1920, 1080), (1080, 1920), (3840, 2160)])
def test_a_logo_stands_at_the_lower_right_in_its_own_shape(width: int, height: int) -> None:
    _, png = cv2.imencode(".png", np.full((50, 100, 4), (0, 0, 255, 255), np.uint8))
    for data in (SVG, png.tobytes()):
        logo = open_logo(data, width, height)
        canvas = np.zeros((height, width, 4), np.uint8)
        logo.lay(canvas, Region(0, 0, width, height))
        rows, columns = np.nonzero(canvas[..., 0] > 128)
        assert (columns.max() - columns.min() + 1) / (rows.max() - rows.min() + 1) == pytest.approx(2, abs=0.1)
        assert rows.min() > height - 120 * min(width, height) / 1080
        assert columns.max() < width


def test_an_svg_logo_is_painted_no_larger_than_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    """A shape that says nothing of its size may be thousands of times as wide as high: resvg would ask for gigabytes."""
    painted = []
    real = resvg_py.svg_to_bytes

    def paint(**choices: object) -> bytes:
        data = bytes(real(**choices))
        painted.append(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED).shape)
        return data

    monkeypatch.setattr("s2v.rendering.logo.resvg_py.svg_to_bytes", paint)
    open_logo(
        b'<svg xmlns="http://www.w3.org/2000/svg" width="20000" height="10"><rect width="20000" height="9"/></svg>', 1920, 1080
    )
    assert painted == [(1, 280, 4)]


class Recorder(ClipEncoder):
    """An encoder that keeps the pictures it was given."""

    pictures: dict[int, Pixels]

    def write(self, picture: Pixels, regions: list[Region]) -> None:
        self.__dict__.setdefault("pictures", {})[self.frames] = picture.copy()
        super().write(picture, regions)


@pytest.mark.integration
def test_manim_paints_captions_and_logo_as_the_whole_picture_has_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("s2v.rendering.scene.ClipEncoder", Recorder)
    order = order_clips(talk(), 30, words(), Brand(logo=SVG))[0]
    cast = assemble(order)
    encoder = film_scene(order.part, cast, tmp_path / "clip.mp4")
    assert isinstance(encoder, Recorder)
    assert 60 in encoder.pictures  # where the caption comes
    for frame in sorted({60, *list(encoder.pictures)[::9]}):
        whole = paint_still(cast, frame / 30, 1920, 1080)[STRIP:]
        assert np.abs(encoder.pictures[frame][STRIP:].astype(int) - whole).max() <= 2, frame


@pytest.mark.integration
def test_the_fallback_fades_and_ends_with_the_same_picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("s2v.rendering.still.ClipEncoder", Recorder)
    order = order_clips(talk(), 30, None, None)[0]
    cast = assemble(order)
    encoder = film_still(order.part, cast, tmp_path / "clip.mp4")
    assert isinstance(encoder, Recorder)
    assert encoder.frames == order.part.frame_count
    last = encoder.pictures[max(encoder.pictures)]
    assert np.array_equal(last, paint_still(cast, max(encoder.pictures) / 30, 1920, 1080))
    plain = PlainScore(cast.score.cues, cast.score.carried)
    poses = [plain.pose(figure.element.key, frame / 30) for figure in cast.figures for frame in range(order.part.frame_count)]
    assert all(pose.scale == pose.drawn == 1 for pose in poses)
    assert any(0 < pose.opacity < 1 for pose in poses)
