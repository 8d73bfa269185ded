"""docs/errors.md says of every reason in the code, and of no other, which status it has and whether the same call may do."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Set
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import grpc

from s2v.gateway.http_errors import HTTP_STATUS
from s2v.runtime import errors

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "errors.md").read_text()
PARTS = ("gateway", "runtime", "services/*", "client", "cli")
REASON = re.compile(r"[A-Z]+(_[A-Z]+)*")
ROW = re.compile(r"^\| `([A-Z_]+)` \|([^|]*)\| ?(yes|no|) ?\| [^|]+ \|$", re.MULTILINE)
HTTP_ROW = re.compile(r"^\| ([^|]*) \| (\d{3}) \|", re.MULTILINE)
NAMED = re.compile(r"`([A-Z_]+)`")


@dataclass(frozen=True)
class Found:
    """A reason as the code gives it; status and again are "" where that place does not tell."""

    reason: str
    status: str = ""
    again: str = ""


def modules() -> list[ast.Module]:
    """Returns the files that can hold a reason."""
    texts = [file.read_text() for part in PARTS for file in sorted(ROOT.glob(f"{part}/src/s2v/**/*.py"))]
    return [ast.parse(text) for text in texts if "reason" in text or "Error(" in text or "Rejected(" in text]


def takers(tree: ast.Module) -> Iterator[tuple[str, int]]:
    """Yields what can be called with a reason by position: functions, and classes by their `__init__`."""
    for node in ast.walk(tree):
        inner = node.body if isinstance(node, ast.ClassDef) else [node]
        for one in inner:
            if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef):
                names = [argument.arg for argument in one.args.args if argument.arg != "self"]
                name = node.name if isinstance(node, ast.ClassDef) and one.name == "__init__" else one.name
                if "reason" in names:
                    yield name, names.index("reason")


def reasons(tree: ast.Module, places: Mapping[str, int]) -> Iterator[Found]:
    constants = {
        target.id: node.value.value
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
        for target in node.targets
        if isinstance(target, ast.Name)
    }

    def value(node: ast.expr | None) -> str:
        found = constants.get(node.id) if isinstance(node, ast.Name) else node.value if isinstance(node, ast.Constant) else None
        return found if isinstance(found, str) and REASON.fullmatch(found) else ""

    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield from _called(node, places, value)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names = {getattr(target, "id", "") or getattr(target, "attr", "") for target in targets}
            if names & {"reason", "default_reason"} and (reason := value(node.value)):
                yield Found(reason)


def _called(node: ast.Call, places: Mapping[str, int], value: Callable[[ast.expr | None], str]) -> Iterator[Found]:
    name = getattr(node.func, "id", "") or getattr(node.func, "attr", "")
    given = next((keyword.value for keyword in node.keywords if keyword.arg == "reason"), None)
    if given is None and name in places and len(node.args) > places[name]:
        given = node.args[places[name]]
    kind = getattr(errors, name, None)
    if isinstance(kind, type) and issubclass(kind, errors.S2VError):
        reason = value(given) if given is not None else kind.default_reason
        if reason:
            yield Found(reason, kind.code.name, "yes" if kind.retryable else "no")
    elif reason := value(given):
        status = getattr(node.args[0], "attr", "") if name == "JobServiceError" and node.args else ""
        yield Found(reason, status)


@cache
def in_the_code() -> Set[Found]:
    trees = modules()
    places = dict(place for tree in trees for place in takers(tree))
    return {found for tree in trees for found in reasons(tree, places)}


def in_the_docs() -> dict[str, tuple[set[str], set[str]]]:
    rows: dict[str, tuple[set[str], set[str]]] = defaultdict(lambda: (set(), set()))
    for reason, statuses, again in ROW.findall(PAGE):
        rows[reason][0].update(NAMED.findall(statuses))
        rows[reason][1].update({again} - {""})
    return rows


def test_each_reason_of_the_code_is_in_the_table_and_no_other() -> None:
    code = {found.reason for found in in_the_code()}
    assert {"INFECTED", "TOO_MANY_CALLS", "RENDERING_LIMIT", "TRUNCATED", "WORKER_LOST", "FILE_CHANGED"} <= code
    assert code == set(in_the_docs())


def test_the_table_says_the_status_and_whether_the_same_call_may_do() -> None:
    documented = in_the_docs()
    for found in in_the_code():
        statuses, again = documented[found.reason]
        assert not found.status or found.status in statuses, f"{found.reason} also comes with {found.status}"
        assert not found.again or found.again in again, f"{found.reason}: the same call may do: {found.again}"


def test_the_table_says_the_http_status_of_each_status() -> None:
    documented = {status: int(number) for names, number in HTTP_ROW.findall(PAGE) for status in NAMED.findall(names)}
    assert documented == {code.name: HTTP_STATUS.get(code.name, 500) for code in grpc.StatusCode if code.name != "OK"}
