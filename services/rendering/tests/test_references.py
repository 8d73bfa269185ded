"""Pictures look as they did: each type in each theme against reference pictures."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from evals import pictures


def test_every_type_and_theme_looks_as_its_reference(tmp_path: Path) -> None:
    found = list(pictures.compare_all())
    assert len(found) == 18
    sheet = tmp_path / "pictures.html"
    pictures.write_sheet(sheet, found)
    assert not [each.name for each in found if not each.same], (
        f"look at {sheet}; if it is better: python -m evals.pictures --update"
    )


def test_a_small_fault_is_seen() -> None:
    """A lost arrowhead, a word of another colour, a box ten pixels off."""
    old = pictures.read_picture(pictures.FOLDER / "dark-flowchart.png")
    lines = old.astype(int).sum(axis=2) > 300
    rows, columns = np.nonzero(lines)
    middle = len(rows) // 2
    y, x = int(rows[middle]), int(columns[middle])
    lost, moved, dyed = old.copy(), np.roll(old, 5, axis=1), old.copy()
    cv2.rectangle(lost, (x - 8, y - 8), (x + 8, y + 8), [int(value) for value in old[0, 0]], -1)
    dyed[lines] = dyed[lines][:, ::-1]
    for wrong in (lost, moved, dyed):
        assert not pictures.compare("wrong", old, wrong).same
