"""The example for Node goes on with an upload when the gateway is killed in the middle of it."""

from __future__ import annotations

import itertools
import re
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "clients" / "node" / "make-video.js"
CHUNK_BYTES = 8 * 1024 * 1024  # what the gateway collects before it stores it


@pytest.mark.integration
def test_an_upload_goes_on_where_it_was(gateway, long_talk, tmp_path):
    command = [Path(sys.executable).with_name("node"), EXAMPLE, long_talk, tmp_path / "video.mp4", gateway.target]
    sent: list[int] = []
    killed = False
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as node:
        assert node.stdout is not None
        for line in node.stdout:
            if found := re.match(r"(\d+) of (\d+) bytes", line):
                sent.append(int(found[1]))
                if not killed and sent[-1] > 0.8 * int(found[2]):
                    killed = True
                    gateway.kill()
                    gateway.start()
            elif "240.0 s of sound" in line:
                break
        else:
            pytest.fail(f"no job was made; {sent[-3:]}")
        node.kill()  # nobody is here to make the video
    steps_back = [after for before, after in itertools.pairwise(sent) if after < before]
    assert steps_back
    assert min(steps_back) > CHUNK_BYTES, "the upload started again from its first chunk"
