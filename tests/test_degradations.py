"""The runbook explains each code by which the stages say that a result is degraded, and no other."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from s2v.rendering.limits import REASON

ROOT = Path(__file__).parent.parent
CODE = re.compile(r"(TRANSCRIPTION|ANALYSIS|LAYOUT|RENDERING)_[A-Z_]+")
ROW = re.compile(r"^\| `([A-Z_]+)` \|", re.MULTILINE)


def test_each_code_is_explained_and_no_other() -> None:
    trees = [ast.parse(file.read_text()) for file in ROOT.glob("services/*/src/**/*.py")]
    texts = {node.value for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Constant)}
    codes = {text for text in texts if isinstance(text, str) and CODE.fullmatch(text)} - {REASON}
    assert len(codes) > 5
    assert sorted(ROW.findall((ROOT / "docs" / "runbooks" / "degraded.md").read_text())) == sorted(codes)
