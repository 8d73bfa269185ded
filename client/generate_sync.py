"""Writes `s2v.client.sync_client` from `s2v.client.client`: `python client/generate_sync.py`. A test compares.

Each public method of `Client` becomes a method of `SyncClient` with the same parameters and text, and `timeout` besides.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).parent / "src" / "s2v" / "client"
SOURCE, TARGET = FOLDER / "client.py", FOLDER / "sync_client.py"
TIMEOUT = "`timeout` is how long it may take, in seconds; None: any time."
HEAD = '''
"""The client for programs without an event loop. Generated from client.py by generate_sync.py: change that, and run it again."""

from __future__ import annotations

{imports}

from s2v.client.client import PATIENCE_SECONDS, Client
from s2v.client.loop_thread import LoopThread
from collections.abc import Iterator


class SyncClient:
    """A connection to the gateway. Use it as a context manager, or close it. Any number of threads may use one at once.

    Every method raises JobServiceError. A server that is away is asked again for `patience_seconds` first; but edit, rerun
    and create_webhook, which do something each time, are sent once. Callbacks are called in the client's own thread, and must
    not call the client.
    """

    def __init__(self, target: str, patience_seconds: float = PATIENCE_SECONDS, access: Access | None = None) -> None:
        """`target` is the gateway's address, host:port; `access` says who calls, over which TLS; None: as the environment says.

        Errors: OSError for a file that the environment names.
        """
        async def connect() -> Client:
            return Client(target, patience_seconds, access)

        self._loop = LoopThread()
        try:
            self._client = self._loop.run(connect())
        except BaseException:
            self._loop.close()
            raise
'''
TAIL = '''
    def close(self) -> None:
        """Closes the connection; calls in flight in other threads end with CANCELLED. May be called again."""
        self._loop.close(self._client.close)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()
'''


def generate() -> str:
    """Returns the text of the module, formatted."""
    module = ast.parse(SOURCE.read_text())
    client = next(node for node in module.body if isinstance(node, ast.ClassDef) and node.name == "Client")
    methods = [
        _facade(node)
        for node in client.body
        if isinstance(node, ast.AsyncFunctionDef) and not node.name.startswith("_") and node.name != "close"
    ]
    imports = [ast.unparse(node) for node in module.body if isinstance(node, ast.Import | ast.ImportFrom)]
    text = HEAD.lstrip().format(imports="\n".join(imports[1:])) + "\n".join(methods) + TAIL
    # What the methods do not need is taken out again, and the rest put in order.
    for command in (["check", "--fix", "--quiet", "--select", "F401,I001"], ["format", "--quiet"]):
        ruff = [str(Path(sys.executable).with_name("ruff")), *command, "--stdin-filename", str(TARGET), "-"]
        text = subprocess.run(ruff, input=text, capture_output=True, text=True, check=True).stdout
    return text


def _facade(method: ast.AsyncFunctionDef) -> str:
    returns = method.returns
    how = "run"
    if returns is None:
        raise SystemExit(f"{SOURCE}: {method.name} has no return type")
    if isinstance(returns, ast.Subscript) and isinstance(returns.slice, ast.Tuple) and "AsyncGenerator" in ast.unparse(returns):
        returns, how = ast.parse(f"Iterator[{ast.unparse(returns.slice.elts[0])}]", mode="eval").body, "iterate"
    names = [argument.arg for argument in method.args.args[1:]]
    parameters = ast.unparse(method.args)
    first, _, rest = (ast.get_docstring(method) or "").partition("\n")
    said = rest.strip("\n").splitlines()
    errors = next((number for number, line in enumerate(said) if line.startswith("Errors:")), len(said))
    words = [first, "", *said[:errors], TIMEOUT, *said[errors:]]
    documentation = "\n".join(" " * 8 + line if line else "" for line in words).lstrip()
    return f'''
    def {method.name}({parameters}, *, timeout: float | None = None) -> {ast.unparse(returns)}:
        """{documentation}
        """
        return self._loop.{how}(self._client.{method.name}({", ".join(names)}), timeout)'''


if __name__ == "__main__":
    TARGET.write_text(generate())
