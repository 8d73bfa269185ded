"""Becomes a container's process, as far as Linux alone can: `unshare --mount python contained.py SPEC`.

The root file system is read-only, and only what the pod mounts can be written to. With a `binary` the root holds nothing else;
without one it is this machine's. A `user` also loses all capabilities and may gain none (allowPrivilegeEscalation: false).
"""

from __future__ import annotations

import ctypes
import json
import os
import subprocess
import sys
from pathlib import Path

PR_SET_NO_NEW_PRIVS = 38
CHECKOUT = Path(__file__).resolve().parents[2]
"""Where the programs of this machine's own root are."""
IMAGE_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""As images have it."""


def mount(*arguments: str | Path) -> None:
    subprocess.run(["mount", *arguments], check=True)


def main(spec: dict[str, object]) -> None:
    root = Path(str(spec["root"]))
    binary, user = spec["binary"], spec["user"]
    if binary:
        root.chmod(0o755)
        mount("--bind", root, root)
        place = root / "usr" / "local" / "bin" / Path(str(binary)).name
        place.parent.mkdir(parents=True)
        place.touch()
        mount("--bind", "-o", "ro", str(binary), place)
    else:
        mount("--rbind", "/", root)
    mounts = {root / path.lstrip("/"): folder for path, folder in dict(spec["mounts"]).items()}  # type: ignore[call-overload]
    for inside in mounts:
        inside.mkdir(parents=True, exist_ok=True)
    below = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    for path in sorted(path for path in below if path == str(root) or path.startswith(f"{root}/")):
        if not path.startswith((f"{root}/proc", f"{root}/sys", f"{root}/dev")):
            mount("-o", "remount,bind,ro", path)
    for inside, folder in mounts.items():
        mount("--bind", folder, inside)
    checkout = root / str(CHECKOUT).lstrip("/")
    if not binary and not (checkout / "pyproject.toml").exists():  # what is mounted stands over it
        checkout.mkdir(parents=True, exist_ok=True)
        mount("--bind", "-o", "ro", CHECKOUT, checkout)
    os.chroot(root)
    os.chdir("/")
    if user:
        os.setgroups([])
        os.setgid(int(str(user)))
        os.setuid(int(str(user)))
        ctypes.CDLL(None).prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    command = [str(word) for word in spec["command"]]  # type: ignore[attr-defined]
    environment = {str(name): str(value) for name, value in dict(spec["environment"]).items()}  # type: ignore[call-overload]
    os.execvpe(command[0], command, {"PATH": IMAGE_PATH, **environment})


if __name__ == "__main__":
    main(json.loads(Path(sys.argv[1]).read_text()))
