"""Protects the limit of a layout: it counts what the processor has done, not how long others kept it busy."""

import signal
import subprocess
import sys
import time

import pytest

from elkjs_py import ElkTimeout
from s2v.layout import engine

pytestmark = pytest.mark.integration

DRAW = """
import random
from s2v.layout import engine
draw = random.Random(1)
ends = [(draw.randrange(60), draw.randrange(60)) for _ in range(150)]
graph = {
    "id": "root",
    "children": [{"id": f"n{n}", "width": 100, "height": 50} for n in range(60)],
    "edges": [{"id": f"e{n}", "sources": [f"n{a}"], "targets": [f"n{b}"]} for n, (a, b) in enumerate(ends)],
}
engine.load()
engine.LAYOUT_SECONDS = 5.0
print("ready", flush=True)
print(len(engine.lay_out(graph, {"elk.algorithm": "layered"})["children"]), flush=True)
"""


def test_a_layout_that_has_to_wait_for_the_processor_is_not_given_up() -> None:
    with subprocess.Popen([sys.executable, "-c", DRAW], stdout=subprocess.PIPE, text=True) as drawer:
        assert drawer.stdout is not None
        try:
            assert drawer.stdout.readline() == "ready\n"
            drawer.send_signal(signal.SIGSTOP)
            time.sleep(6)
            drawer.send_signal(signal.SIGCONT)
            assert drawer.stdout.read() == "60\n"
        finally:
            drawer.kill()


def test_a_layout_that_takes_the_processor_for_too_long_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "LAYOUT_SECONDS", 0.3)
    graph = {"id": "root", "children": [{"id": f"n{n}", "width": 9, "height": 9} for n in range(1000)]}
    edges = [{"id": f"e{n}", "sources": [f"n{n % 997}"], "targets": [f"n{n * 7 % 1000}"]} for n in range(6000)]
    with pytest.raises(ElkTimeout):
        engine.lay_out({**graph, "edges": edges}, {"elk.algorithm": "layered"})  # type: ignore[typeddict-item]
