"""Containers of the chart as processes of this machine: its command, environment, files and user, with other ports."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from deploy.generate.chart import Manifest

CONTAINED = Path(__file__).with_name("contained.py")
NOBODY = 65532
"""User that the chart's pods run as."""
POD_ADDRESS = "127.0.0.1"


def resolve(container: Manifest, secrets: Mapping[str, Mapping[str, str]], pod: str) -> dict[str, str]:
    """Returns a container's environment as the kubelet would: references followed, $(NAME) replaced by what stands before."""
    found: dict[str, str] = {}
    for entry in container.get("env", []):
        source = entry.get("valueFrom", {})
        if "secretKeyRef" in source:
            value = secrets[source["secretKeyRef"]["name"]][source["secretKeyRef"]["key"]]
        elif "fieldRef" in source:
            value = {"metadata.name": pod, "status.podIP": POD_ADDRESS}[source["fieldRef"]["fieldPath"]]
        else:
            value = entry["value"]
        found[entry["name"]] = re.sub(r"\$\((\w+)\)", lambda match: found.get(match[1], match[0]), value)
    return found


@contextmanager
def contained(
    command: list[str],
    environment: Mapping[str, str],
    mounts: Mapping[str, Path],
    log: Path,
    *,
    binary: Path | None = None,
    user: int = 0,
) -> Iterator[subprocess.Popen[bytes]]:
    """Runs a command with a read-only root in which only `mounts` (folders by path) can be written to; kills it at the end."""
    with tempfile.TemporaryDirectory() as root:
        spec = Path(root).with_suffix(".json")
        tree = {"root": root, "binary": str(binary or ""), "user": user, "command": command, "environment": dict(environment)}
        spec.write_text(json.dumps({**tree, "mounts": {path: str(folder) for path, folder in mounts.items()}}))
        with log.open("ab") as output:
            process = subprocess.Popen(
                ["unshare", "--mount", sys.executable, CONTAINED, spec], stdout=output, stderr=subprocess.STDOUT
            )
        try:
            yield process
        finally:
            process.kill()
            process.wait()
            spec.unlink()
