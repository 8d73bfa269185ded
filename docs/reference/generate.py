"""Writes docs/api.md: `python -m docs.reference.generate [FILE]`. `make proto` runs it; `make proto-check` compares."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from google.protobuf import descriptor_pool, json_format, message_factory

from docs.reference.contract import Contract, Enum, Message, Rpc, Service, read_contract
from s2v.v1 import (  # noqa: F401 - what they register, calls are checked with
    analysis_service_pb2,
    job_service_pb2,
    layout_service_pb2,
    rendering_service_pb2,
    transcription_service_pb2,
)

OUTPUT = Path(__file__).parents[1] / "api.md"
CALLS = Path(__file__).parent / "calls"
HEAD = Path(__file__).with_name("head.md")


def main() -> None:
    """Writes the page. Errors: SystemExit for an rpc without a call, or a call that the contract does not know."""
    output = Path(sys.argv[1]) if len(sys.argv) > 1 else OUTPUT
    output.write_text("\n".join(_page(read_contract())).rstrip() + "\n")


def _page(contract: Contract) -> Iterator[str]:
    yield HEAD.read_text()
    for service in contract.services:
        rpcs = ", ".join(f"[{rpc.name}](#{rpc.name.lower()})" for rpc in service.rpcs)
        yield f"- [{service.name}](#{service.name.lower()}): {rpcs}"
    yield "- [Messages](#messages)\n"
    for service in contract.services:
        yield f"## {service.name}\n\n{service.comment}\n"
        for rpc in service.rpcs:
            yield from _rpc(service, rpc, contract)
    yield "## Messages\n"
    spoken = {name for service in contract.services for rpc in service.rpcs for name in (rpc.request, rpc.response)}
    for one in contract.reachable():
        if one.name not in spoken:
            yield from _type(one, 3)


def _rpc(service: Service, rpc: Rpc, contract: Contract) -> Iterator[str]:
    request, response = (
        ("stream " if stream else "") + name for stream, name in zip(rpc.streams, (rpc.request, rpc.response), strict=True)
    )
    yield f"### {rpc.name}\n\n`rpc {rpc.name}({request}) returns ({response})`\n\n{rpc.comment}\n"
    yield f"**Errors**: {rpc.errors}\n"
    for name in (rpc.request, rpc.response):
        one = contract.types[name]
        if isinstance(one, Message):
            yield f"`{one.name}`: {one.comment}\n"
            yield from _fields(one)
    call = _read_call(service, rpc)
    for title, kind in (("Request", "request"), ("Response", "response")):
        yield f"{title}:\n\n```json"
        yield from (json.dumps(one, indent=1, ensure_ascii=False) for one in call[kind])
        yield "```\n"


def _read_call(service: Service, rpc: Rpc) -> Mapping[str, list[object]]:
    """Returns the call's messages, which the contract must know to the last field."""
    path = CALLS / f"{service.name}.{rpc.name}.json"
    if not path.exists():
        raise SystemExit(f"{path}: {rpc.name} has no example; record one with python -m docs.reference.record, or write it")
    call: Mapping[str, list[object]] = json.loads(path.read_text())
    pool = descriptor_pool.Default()
    for kind, name, stream in (("request", rpc.request, rpc.streams[0]), ("response", rpc.response, rpc.streams[1])):
        if len(call[kind]) != 1 and not stream:
            raise SystemExit(f"{path}: {kind} holds {len(call[kind])} messages, and {rpc.name} has one")
        kept = message_factory.GetMessageClass(pool.FindMessageTypeByName(f"s2v.v1.{name}"))
        for message in call[kind]:
            try:
                json_format.Parse(json.dumps(message), kept())
            except json_format.ParseError as error:
                raise SystemExit(f"{path}: {kind}: {error}") from error
    return call


def _type(one: Message | Enum, level: int) -> Iterator[str]:
    yield f"{'#' * level} {one.name}\n\n{one.comment}\n"
    if isinstance(one, Message):
        yield from _fields(one)
        return
    yield "| value | |\n|---|---|"
    yield from (f"| `{name}` | {_cell(comment)} |" for name, comment in one.values)
    yield ""


def _fields(message: Message) -> Iterator[str]:
    if not message.fields:
        yield "No fields.\n"
        return
    yield "| field | type | |\n|---|---|---|"
    for field in message.fields:
        kind = f"`{field.type}`"
        for name in field.refers:
            kind = f"[{kind}](#{name.lower()})"
        group = f" *(one of `{field.group}`)*" if field.group else ""
        yield f"| `{field.name}` | {kind} | {_cell(field.comment)}{group} |"
    yield ""


def _cell(comment: str) -> str:
    return comment.replace("|", "\\|").replace("<", "&lt;")


if __name__ == "__main__":
    main()
