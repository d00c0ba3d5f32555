"""Compile the .proto files of this folder for `gateway.schema`.

Writes two files: `wire.binpb`, the descriptor set that the product loads, and `wire_fields.json`,
what the comments say of a package, message, field, enumeration or value: the documentation, and the
enumeration whose values an int32 carries. Both are committed; a test fails when they are older than
the .proto files.
"""

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeAlias

from google.protobuf import descriptor_pb2
from grpc_tools import protoc

PROTO = Path(__file__).resolve().parent
SCHEMA = PROTO.parent / "gateway" / "schema"
ENUM_MARK = re.compile(r"\s*enum: (\w+\.\w+)$")
SourcePath: TypeAlias = tuple[int, ...]
"""A place in a file, as descriptor.proto counts it: field numbers and indices, down from the file."""

NamedPaths: TypeAlias = Iterator[tuple[SourcePath, str]]
"""Places and the full names of what stands there."""

SYNTAX: SourcePath = (12,)
"""Where the comment at the top of a file stands: above its `syntax` statement."""


def compile_set(folder: Path) -> descriptor_pb2.FileDescriptorSet:
    """The descriptor set of all .proto files in `folder`, source comments included."""
    with TemporaryDirectory() as scratch:
        out = Path(scratch) / "set.binpb"
        sources = sorted(str(path) for path in folder.glob("*.proto"))
        status = protoc.main(
            ["protoc", f"-I{folder}", "--include_source_info", f"--descriptor_set_out={out}", *sources]
        )
        if status:
            sys.exit(f"protoc failed with status {status}")
        return descriptor_pb2.FileDescriptorSet.FromString(out.read_bytes())


def named_paths(file: descriptor_pb2.FileDescriptorProto) -> NamedPaths:
    """The package, messages, fields, enums and enum values of a file."""
    yield SYNTAX, file.package
    for index, message in enumerate(file.message_type):
        yield from _in_message(message, (4, index), file.package)
    for index, enum in enumerate(file.enum_type):
        yield from _in_enum(enum, (5, index), file.package)


def _in_message(message: descriptor_pb2.DescriptorProto, path: SourcePath, scope: str) -> NamedPaths:
    name = f"{scope}.{message.name}"
    yield path, name
    for index, field in enumerate(message.field):
        yield (*path, 2, index), f"{name}.{field.name}"
    for index, nested in enumerate(message.nested_type):
        yield from _in_message(nested, (*path, 3, index), name)
    for index, enum in enumerate(message.enum_type):
        yield from _in_enum(enum, (*path, 4, index), name)


def _in_enum(enum: descriptor_pb2.EnumDescriptorProto, path: SourcePath, scope: str) -> NamedPaths:
    name = f"{scope}.{enum.name}"
    yield path, name
    for index, value in enumerate(enum.value):
        yield (*path, 2, index), f"{name}.{value.name}"


def documentation(compiled: descriptor_pb2.FileDescriptorSet) -> dict[str, dict[str, str]]:
    """Full name -> {"enum": full name of the enumeration, "doc": the comment}, where there are any."""
    found: dict[str, dict[str, str]] = {}
    for file in compiled.file:
        names = dict(named_paths(file))
        for location in file.source_code_info.location:
            name = names.get(tuple(location.path))
            comment = " ".join((location.leading_comments + location.trailing_comments).split())
            if name is not None and comment:
                found[name] = parse_comment(comment)
    return found


def parse_comment(comment: str) -> dict[str, str]:
    """What `Which one. enum: Common.Session` says: its "doc", its "enum", or both."""
    mark = ENUM_MARK.search(comment)
    if mark is None:
        return {"doc": comment}
    doc = comment[: mark.start()]
    return {"enum": mark.group(1)} | ({"doc": doc} if doc else {})


def compiled_files(folder: Path) -> dict[str, bytes]:
    """What `make proto` writes, by file name."""
    compiled = compile_set(folder)
    fields = documentation(compiled)
    for file in compiled.file:
        file.ClearField("source_code_info")
    text = json.dumps(fields, indent=0, sort_keys=True, ensure_ascii=False) + "\n"
    return {
        "wire.binpb": compiled.SerializeToString(deterministic=True),
        "wire_fields.json": text.encode(),
    }


if __name__ == "__main__":
    for file_name, content in compiled_files(PROTO).items():
        (SCHEMA / file_name).write_bytes(content)
