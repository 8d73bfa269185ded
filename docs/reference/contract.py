"""The contract as protoc reads it: services, messages and enums with their comments."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from google.protobuf.descriptor_pb2 import DescriptorProto, FieldDescriptorProto, FileDescriptorProto, FileDescriptorSet

CONTRACT = Path(__file__).parents[2] / "proto"
PACKAGE = ".s2v.v1."
# Numbers of fields in descriptor.proto, of which the places of comments are made.
FILE_MESSAGE, FILE_ENUM, FILE_SERVICE, OF_MESSAGE_FIELD, OF_MESSAGE_NESTED, OF_ENUM_VALUE, OF_SERVICE_METHOD = 4, 5, 6, 2, 3, 2, 2
SCALARS = {
    FieldDescriptorProto.TYPE_DOUBLE: "double",
    FieldDescriptorProto.TYPE_FLOAT: "float",
    FieldDescriptorProto.TYPE_INT64: "int64",
    FieldDescriptorProto.TYPE_UINT64: "uint64",
    FieldDescriptorProto.TYPE_INT32: "int32",
    FieldDescriptorProto.TYPE_UINT32: "uint32",
    FieldDescriptorProto.TYPE_BOOL: "bool",
    FieldDescriptorProto.TYPE_STRING: "string",
    FieldDescriptorProto.TYPE_BYTES: "bytes",
}


@dataclass(frozen=True)
class Field:
    """A field of a message."""

    name: str
    type: str
    """As it is written in the contract, without the package."""
    refers: tuple[str, ...]
    """Names of the messages and enums of the contract in its type."""
    comment: str
    group: str
    """The oneof that it belongs to; empty: none."""


@dataclass(frozen=True)
class Message:
    """A message."""

    name: str
    comment: str
    fields: Sequence[Field]


@dataclass(frozen=True)
class Enum:
    """An enum."""

    name: str
    comment: str
    values: Sequence[tuple[str, str]]
    """Name and comment."""


@dataclass(frozen=True)
class Rpc:
    """A call."""

    name: str
    comment: str
    errors: str
    """What its comment says after "Errors:"."""
    request: str
    response: str
    streams: tuple[bool, bool]
    """Whether requests and responses are streams."""


@dataclass(frozen=True)
class Service:
    """A service."""

    name: str
    comment: str
    rpcs: Sequence[Rpc]


@dataclass(frozen=True)
class Contract:
    """All of it, each in the order in which it is written."""

    services: Sequence[Service]
    types: dict[str, Message | Enum]

    def reachable(self) -> list[Message | Enum]:
        """Returns what the services speak of, and nothing internal."""
        waiting = [name for service in self.services for rpc in service.rpcs for name in (rpc.request, rpc.response)]
        found: set[str] = set()
        while waiting:
            name = waiting.pop()
            one = self.types.get(name)
            if one is not None and name not in found:
                found.add(name)
                if isinstance(one, Message):
                    waiting += [refers for field in one.fields for refers in field.refers]
        return [one for name, one in self.types.items() if name in found]


def read_contract() -> Contract:
    """Reads the contract. Errors: CalledProcessError when protoc refuses it."""
    files = sorted(str(path.relative_to(CONTRACT)) for path in CONTRACT.glob("s2v/v1/*.proto"))
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "descriptors"
        command = [sys.executable, "-m", "grpc_tools.protoc", "-I", str(CONTRACT), "--include_source_info"]
        subprocess.run([*command, f"--descriptor_set_out={output}", *files], check=True)
        described = FileDescriptorSet.FromString(output.read_bytes())
    services: list[Service] = []
    types: dict[str, Message | Enum] = {}
    for file in described.file:
        comments = {tuple(place.path): _clean(place.leading_comments) for place in file.source_code_info.location}
        services += _services(file, comments)
        for number, message in enumerate(file.message_type):
            for one in _messages(message, (FILE_MESSAGE, number), comments):
                types[one.name] = one
        for number, enum in enumerate(file.enum_type):
            place = (FILE_ENUM, number)
            values = [(value.name, comments.get((*place, OF_ENUM_VALUE, index), "")) for index, value in enumerate(enum.value)]
            types[enum.name] = Enum(enum.name, comments.get(place, ""), values)
    # The front door first; the stages in the order of the work.
    order = ["JobService", "TranscriptionService", "AnalysisService", "LayoutService", "RenderingService"]
    return Contract(sorted(services, key=lambda service: order.index(service.name)), types)


def _services(file: FileDescriptorProto, comments: dict[tuple[int, ...], str]) -> Iterator[Service]:
    for number, service in enumerate(file.service):
        place, rpcs = (FILE_SERVICE, number), []
        for index, method in enumerate(service.method):
            comment, _, errors = comments.get((*place, OF_SERVICE_METHOD, index), "").partition("Errors:")
            request, response = method.input_type.removeprefix(PACKAGE), method.output_type.removeprefix(PACKAGE)
            streams = (method.client_streaming, method.server_streaming)
            rpcs.append(Rpc(method.name, comment.strip(), errors.strip(), request, response, streams))
        yield Service(service.name, comments.get(place, ""), rpcs)


def _messages(message: DescriptorProto, place: tuple[int, ...], comments: dict[tuple[int, ...], str]) -> Iterator[Message]:
    maps = {nested.name: nested for nested in message.nested_type if nested.options.map_entry}
    fields = []
    for number, field in enumerate(message.field):
        kind, refers = _type(field, maps)
        group = message.oneof_decl[field.oneof_index].name if field.HasField("oneof_index") and not field.proto3_optional else ""
        fields.append(Field(field.name, kind, refers, comments.get((*place, OF_MESSAGE_FIELD, number), ""), group))
    yield Message(message.name, comments.get(place, ""), fields)


def _type(field: FieldDescriptorProto, maps: dict[str, DescriptorProto]) -> tuple[str, tuple[str, ...]]:
    last = field.type_name.rsplit(".", 1)[-1]
    if last in maps:
        (key, _), (value, refers) = (_type(one, {}) for one in maps[last].field)
        return f"map<{key}, {value}>", refers
    known = field.type_name.startswith(PACKAGE)
    name = SCALARS.get(field.type) or (last if known else field.type_name.removeprefix(".google.protobuf."))
    label = "repeated " if field.label == FieldDescriptorProto.LABEL_REPEATED else "optional " if field.proto3_optional else ""
    return label + name, (last,) if known else ()


def _clean(comment: str) -> str:
    return " ".join(line.strip() for line in comment.splitlines()).strip()
