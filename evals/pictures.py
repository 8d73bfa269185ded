"""Whether pictures look as they did: a scene of each type in each theme against reference pictures.

    python -m evals.pictures [--sheet FILE.html] [--update]

Prints one JSON object: how like each picture is to its reference. `--sheet` shows old, new and difference side by side;
`--update` makes the new ones the references, after someone has looked at them. The composition is kept too: only drawing can
change a picture.
"""

import argparse
import json
from base64 import b64encode
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from evals.likeness import grey, ssim_map
from evals.showcase import make_showcase
from s2v.layout.composition import compose
from s2v.rendering.clip import plan_clips
from s2v.rendering.figures import assemble
from s2v.rendering.still import paint_still
from s2v.typeset.themes import THEMES
from s2v.v1.composition_pb2 import Composition
from s2v.v1.diagram_pb2 import DiagramType
from s2v.v1.rendering_service_pb2 import ClipOrder

Picture = npt.NDArray[np.uint8]
"""RGB, shape (height, width, 3)."""

FOLDER = Path(__file__).parent / "references"
COMPOSITION = FOLDER / "composition.pb"
SCENE_SECONDS, RATE = 6.6, 30
MOMENT = 0.93
"""Share of a scene after which it is looked at: everything is there, and the first node is spoken of again."""
SIZE = (960, 540)
"""Of the references, in pixels."""
TILE = 30
"""Side of the squares that are judged one by one, in pixels: what is wrong in a small place must not drown in what is right."""
LEAST_LIKENESS = 0.9
"""Of a tile: mean structural similarity."""
MOST_COLOR_ERROR = 6.0
"""Of a tile: mean difference of a channel, of 255."""
STYLE = "body{font:14px sans-serif}td{padding:4px;vertical-align:top}img{width:480px;border:1px solid #ccc}.bad{color:#c00}"


@dataclass(frozen=True)
class Comparison:
    """A picture and its reference."""

    name: str
    """Theme and type, e.g. "dark-timeline"."""
    old: Picture | None
    """None: there is no reference."""
    new: Picture
    likeness: float
    """Of the tile that is least like."""
    color_error: float
    """Of the tile that is most off."""

    @property
    def same(self) -> bool:
        """Whether a person would see no difference."""
        return self.likeness >= LEAST_LIKENESS and self.color_error <= MOST_COLOR_ERROR


def main() -> None:
    """Compares, and writes what was asked for."""
    parser = argparse.ArgumentParser(prog="python -m evals.pictures", description="Compare pictures with the references.")
    parser.add_argument("--sheet", type=Path, help="page to write: old, new and difference")
    parser.add_argument("--update", action="store_true", help="make the new pictures the references")
    arguments = parser.parse_args()
    if arguments.update:
        update()
    found = list(compare_all())
    if arguments.sheet:
        write_sheet(arguments.sheet, found)
    print(
        json.dumps({each.name: {"likeness": each.likeness, "color_error": each.color_error, "same": each.same} for each in found})
    )
    if not all(each.same for each in found):
        raise SystemExit(1)


def update() -> None:
    """Lays the showcase out anew and writes the references."""
    FOLDER.mkdir(exist_ok=True)
    composition, _ = compose(make_showcase(SCENE_SECONDS), 1080, "dark", strict=True)
    COMPOSITION.write_bytes(composition.SerializeToString(deterministic=True))
    for name, picture in draw_all():
        cv2.imwrite(str(FOLDER / f"{name}.png"), cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))


def draw_all() -> Iterator[tuple[str, Picture]]:
    """Yields name and picture of each type in each theme."""
    composition = Composition.FromString(COMPOSITION.read_bytes())
    for theme in sorted(THEMES):
        composition.theme = theme
        for part in plan_clips(composition, RATE):
            cast = assemble(ClipOrder(part=part))
            picture = paint_still(cast, part.scene.start_seconds + SCENE_SECONDS * MOMENT, part.width, part.height)
            kind = DiagramType.Name(part.scene.type).removeprefix("DIAGRAM_TYPE_").lower()
            small = cv2.resize(np.ascontiguousarray(picture[..., :3]), SIZE, interpolation=cv2.INTER_AREA)
            yield f"{theme}-{kind}", np.asarray(small, dtype=np.uint8)


def compare_all() -> Iterator[Comparison]:
    """Yields a comparison for each picture."""
    for name, picture in draw_all():
        path = FOLDER / f"{name}.png"
        yield compare(name, read_picture(path) if path.is_file() else None, picture)


def compare(name: str, old: Picture | None, new: Picture) -> Comparison:
    """Sets a picture against its reference."""
    if old is None or old.shape != new.shape:
        return Comparison(name, old, new, 0.0, 255.0)
    off = np.abs(old.astype(np.float32) - new).max(axis=2)
    return Comparison(name, old, new, round(min(tiles(ssim_map(grey(old), grey(new)))), 4), round(max(tiles(off)), 2))


def tiles(values: npt.NDArray[np.float32]) -> Iterator[float]:
    """Yields the mean of each square of a map."""
    for top in range(0, values.shape[0], TILE):
        for left in range(0, values.shape[1], TILE):
            yield float(values[top : top + TILE, left : left + TILE].mean())


def read_picture(path: Path) -> Picture:
    """Reads a PNG as RGB."""
    return np.asarray(cv2.cvtColor(np.asarray(cv2.imread(str(path))), cv2.COLOR_BGR2RGB), dtype=np.uint8)


def write_sheet(path: Path, found: Sequence[Comparison]) -> None:
    """Writes a page with old, new and difference of each picture; those that differ first."""
    rows = []
    for each in sorted(found, key=lambda one: (one.same, one.likeness)):
        old = each.old if each.old is not None else np.zeros_like(each.new)
        off = 255 - np.minimum(255, np.abs(old.astype(np.int16) - each.new) * 4).astype(np.uint8)
        cells = "".join(f"<td>{image(picture)}</td>" for picture in (old, each.new, off))
        told = f"{each.name}<br>likeness {each.likeness}<br>colour error {each.color_error}"
        rows.append(f'<tr><td class="{"" if each.same else "bad"}">{told}</td>{cells}</tr>')
    head = "<tr><th></th><th>old</th><th>new</th><th>difference, 4 times</th></tr>"
    page = f"<!doctype html><meta charset=utf-8><title>Pictures</title><style>{STYLE}</style><table>{head}{''.join(rows)}</table>"
    path.write_text(page, encoding="utf-8")


def image(picture: Picture) -> str:
    """Returns a picture as an HTML element that holds it."""
    _, data = cv2.imencode(".png", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
    return f'<img alt="" src="data:image/png;base64,{b64encode(data.tobytes()).decode()}">'


if __name__ == "__main__":
    main()
