"""The .proto files against the official SDK: the same contract in both directions, and documented."""

import ast
import importlib.util
import json
from collections import Counter
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from types import ModuleType

import pytest
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
    FileDescriptorSet,
)

from gateway.routes import ROUTES, Route
from gateway.schema import descriptors
from gateway.schema.protocols import PROTOCOLS, Protocol

ROOT = Path(__file__).resolve().parents[2]
SCHEMA = ROOT / "gateway" / "schema"

Contract = dict[str, tuple[object, ...]]
"""Full name -> all that an implementation of the wire must agree on."""


# -- the two sides -------------------------------------------------------------------------------


@cache
def our_files() -> dict[str, FileDescriptorProto]:
    compiled = FileDescriptorSet.FromString((SCHEMA / "wire.binpb").read_bytes())
    return {file.name: file for file in compiled.file}


@cache
def official_file(name: str) -> FileDescriptorProto:
    """One file of the SDK, read off its generated module.

    The module is not imported: `import futu` creates log files in the home folder, and the messages
    would fill protobuf's default pool.
    """
    package = importlib.util.find_spec("futu")
    assert package is not None
    assert package.submodule_search_locations is not None
    folder = Path(package.submodule_search_locations[0]) / "common" / "pb"
    module = ast.parse((folder / name.replace(".proto", "_pb2.py")).read_text(encoding="utf-8"))
    for node in ast.walk(module):
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith(".AddSerializedFile"):
            return FileDescriptorProto.FromString(ast.literal_eval(node.args[0]))
    raise AssertionError(f"{name}: no serialized descriptor in the SDK's module")


def official_closure() -> set[str]:
    """The official files of all protocols that the product speaks, with everything they import."""
    found: set[str] = set()
    to_visit = [f"{protocol.name}.proto" for protocol in PROTOCOLS.values()]
    while to_visit:
        name = to_visit.pop()
        if name not in found:
            found.add(name)
            to_visit.extend(official_file(name).dependency)
    return found


# -- the comparison ------------------------------------------------------------------------------


def contract(file: FileDescriptorProto) -> Contract:
    """The contract of one file. What it leaves out does not reach the wire: json_name, imports, options."""
    return {"package": (file.package, file.syntax)} | dict(_file_entries(file))


def _file_entries(file: FileDescriptorProto) -> Iterator[tuple[str, tuple[object, ...]]]:
    for message in file.message_type:
        yield from _message_entries(message, file.package)
    for enum in file.enum_type:
        yield from _enum_entries(enum, file.package)
    for extension in file.extension:
        yield f"{file.package}.{extension.name}", _field(extension)


def _message_entries(message: DescriptorProto, scope: str) -> Iterator[tuple[str, tuple[object, ...]]]:
    name = f"{scope}.{message.name}"
    yield name, ("message", tuple(oneof.name for oneof in message.oneof_decl))
    for field in (*message.field, *message.extension):
        yield f"{name}.{field.name}", _field(field)
    for nested in message.nested_type:
        yield from _message_entries(nested, name)
    for enum in message.enum_type:
        yield from _enum_entries(enum, name)


def _enum_entries(enum: EnumDescriptorProto, scope: str) -> Iterator[tuple[str, tuple[object, ...]]]:
    name = f"{scope}.{enum.name}"
    first_is_the_default = enum.value[0].name if enum.value else None
    yield name, ("enum", first_is_the_default, "aliases" if enum.options.allow_alias else "no aliases")
    for value in enum.value:
        yield f"{name}.{value.name}", ("value", value.number)


def _field(field: FieldDescriptorProto) -> tuple[object, ...]:
    return (
        "field",
        FieldDescriptorProto.Label.Name(field.label),
        field.number,
        FieldDescriptorProto.Type.Name(field.type),
        field.type_name,
        field.default_value if field.HasField("default_value") else None,
        field.extendee,
        field.oneof_index if field.HasField("oneof_index") else None,
        field.options.packed,
    )


def differences(ours: Contract, official: Contract) -> list[str]:
    """One line a difference, in either direction."""
    return [
        f"{name}: ours {ours.get(name, 'missing')}, official {official.get(name, 'missing')}"
        for name in sorted(ours.keys() | official.keys())
        if ours.get(name) != official.get(name)
    ]


def test_the_files_are_those_that_the_protocols_need() -> None:
    assert our_files().keys() == official_closure()


@pytest.mark.parametrize("name", sorted(our_files()))
def test_a_file_equals_the_official_one(name: str) -> None:
    assert differences(contract(our_files()[name]), contract(official_file(name))) == []


def test_the_contract_has_its_known_size() -> None:
    entries = [entry for file in our_files().values() for entry in contract(file).values()]
    kinds = Counter(entry[0] for entry in entries)
    assert len(our_files()) == 57
    assert (kinds["message"], kinds["field"], kinds["enum"]) == (287, 1477, 113)
    assert sum(entry[:2] == ("field", "LABEL_REQUIRED") for entry in entries) == 571


# -- the comparison sees what it should ----------------------------------------------------------

Change = Callable[[FileDescriptorProto], object]


def _message(file: FileDescriptorProto, name: str) -> DescriptorProto:
    return next(message for message in file.message_type if message.name == name)


def _c2s_field(file: FileDescriptorProto, name: str) -> FieldDescriptorProto:
    return next(field for field in _message(file, "C2S").field if field.name == name)


def _default(file: FileDescriptorProto) -> FieldDescriptorProto:
    return next(field for field in _message(file, "Response").field if field.name == "retType")


CHANGES: dict[str, tuple[str, str, Change]] = {
    "field number": (
        "Trd_PlaceOrder",
        "Trd_PlaceOrder.C2S.price",
        lambda file: setattr(_c2s_field(file, "price"), "number", 77),
    ),
    "field label": (
        "Trd_PlaceOrder",
        "Trd_PlaceOrder.C2S.qty",
        lambda file: setattr(_c2s_field(file, "qty"), "label", FieldDescriptorProto.LABEL_OPTIONAL),
    ),
    "field type": (
        "Trd_PlaceOrder",
        "Trd_PlaceOrder.C2S.positionID",
        lambda file: setattr(_c2s_field(file, "positionID"), "type", FieldDescriptorProto.TYPE_INT64),
    ),
    "referenced type": (
        "Trd_PlaceOrder",
        "Trd_PlaceOrder.C2S.header",
        lambda file: setattr(_c2s_field(file, "header"), "type_name", ".Qot_Common.QotHeader"),
    ),
    "field name": (
        "Trd_PlaceOrder",
        "Trd_PlaceOrder.C2S.orderIDEx",
        lambda file: setattr(_c2s_field(file, "remark"), "name", "orderIDEx"),
    ),
    "default": (
        "Trd_PlaceOrder",
        "Trd_PlaceOrder.Response.retType",
        lambda file: setattr(_default(file), "default_value", "0"),
    ),
    "default dropped": (
        "Trd_PlaceOrder",
        "Trd_PlaceOrder.Response.retType",
        lambda file: _default(file).ClearField("default_value"),
    ),
    "packed": (
        "Qot_Sub",
        "Qot_Sub.C2S.subTypeList",
        lambda file: setattr(_c2s_field(file, "subTypeList").options, "packed", True),
    ),
    "field missing": (
        "Trd_PlaceOrder",
        "Trd_PlaceOrder.C2S.remark",
        lambda file: _message(file, "C2S").field.remove(_c2s_field(file, "remark")),
    ),
    "field added": (
        "Trd_PlaceOrder",
        "Trd_PlaceOrder.C2S.extra",
        lambda file: _message(file, "C2S").field.add(name="extra", number=99, label=1, type=5),
    ),
    "message missing": (
        "Qot_Common",
        "Qot_Common.ComboLeg",
        lambda file: file.message_type.remove(_message(file, "ComboLeg")),
    ),
    "message added": ("Qot_Common", "Qot_Common.Extra", lambda file: file.message_type.add(name="Extra")),
    "enum value number": (
        "Qot_Common",
        "Qot_Common.QotMarket.QotMarket_Unknown",
        lambda file: setattr(file.enum_type[0].value[0], "number", 9),
    ),
    "enum value name": (
        "Qot_Common",
        "Qot_Common.QotMarket.QotMarket_None",
        lambda file: setattr(file.enum_type[0].value[0], "name", "QotMarket_None"),
    ),
    "enum value first": (
        "Qot_Common",
        "Qot_Common.QotMarket",
        lambda file: file.enum_type[0].value.append(file.enum_type[0].value.pop(0)),
    ),
    "enum value missing": (
        "Qot_Common",
        "Qot_Common.QotMarket.QotMarket_Unknown",
        lambda file: file.enum_type[0].value.pop(0),
    ),
    "enum alias added": (
        "Qot_Common",
        "Qot_Common.QotMarket.QotMarket_None",
        lambda file: file.enum_type[0].value.add(name="QotMarket_None", number=0),
    ),
    "enum missing": ("Qot_Common", "Qot_Common.QotMarket", lambda file: file.enum_type.pop(0)),
    "enum added": ("Qot_Common", "Qot_Common.Extra", lambda file: file.enum_type.add(name="Extra")),
    "package": ("Qot_Common", "package", lambda file: setattr(file, "package", "Qot")),
}


@pytest.mark.parametrize("change", CHANGES)
def test_one_change_is_reported_in_both_directions(change: str) -> None:
    package, name, apply = CHANGES[change]
    official = official_file(f"{package}.proto")
    changed = FileDescriptorProto()
    changed.CopyFrom(official)
    apply(changed)

    for lines in (
        differences(contract(changed), contract(official)),
        differences(contract(official), contract(changed)),
    ):
        assert name in {line.partition(":")[0] for line in lines}


# -- the compiled files --------------------------------------------------------------------------


@cache
def compiler() -> ModuleType:
    """`proto/compile.py`, a script outside any package."""
    spec = importlib.util.spec_from_file_location("wire_compiler", ROOT / "proto" / "compile.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_compiled_files_are_fresh() -> None:
    for name, content in compiler().compiled_files(ROOT / "proto").items():
        assert (SCHEMA / name).read_bytes() == content, f"{name} is out of date: run `make proto`"


def test_protoc_finds_nothing_to_warn_about(capfd: pytest.CaptureFixture[str]) -> None:
    compiler().compile_set(ROOT / "proto")
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(
    ("comment", "entry"),
    [
        ("Which one.", {"doc": "Which one."}),
        ("enum: Common.Session", {"enum": "Common.Session"}),
        ("Which one. enum: Common.Session", {"doc": "Which one.", "enum": "Common.Session"}),
        ("Says enum: in words.", {"doc": "Says enum: in words."}),
    ],
)
def test_a_comment_is_documentation_and_at_its_end_an_enum_mark(comment: str, entry: object) -> None:
    assert compiler().parse_comment(comment) == entry


# -- what the comments say -----------------------------------------------------------------------

INTEGERS_IN_REQUESTS = {
    "GetDelayStatistics.C2S.segmentList",
    "GetUserInfo.C2S.flag",
    "Qot_GetKL.C2S.reqNum",
    "Qot_GetOrderBook.C2S.num",
    "Qot_GetTicker.C2S.maxRetNum",
    "Qot_GetWarrant.C2S.begin",
    "Qot_GetWarrant.C2S.num",
    "Qot_RequestHistoryKL.C2S.maxAckKLNum",
    "Qot_StockFilter.AccumulateFilter.days",
    "Qot_StockFilter.C2S.begin",
    "Qot_StockFilter.C2S.num",
    "Qot_StockFilter.CustomIndicatorFilter.consecutivePeriod",
    "Qot_StockFilter.CustomIndicatorFilter.firstFieldParaList",
    "Qot_StockFilter.CustomIndicatorFilter.secondFieldParaList",
    "Qot_StockFilter.PatternFilter.consecutivePeriod",
}
"""The int32 fields of requests that count or measure something: all others carry an enumeration."""


@cache
def comments() -> dict[str, dict[str, str]]:
    entries: dict[str, dict[str, str]] = json.loads((SCHEMA / "wire_fields.json").read_bytes())
    return entries


def marks() -> dict[str, str]:
    return {name: entry["enum"] for name, entry in comments().items() if "enum" in entry}


def is_documented(name: str) -> bool:
    return bool(comments().get(name, {}).get("doc"))


def request_messages() -> list[Descriptor]:
    """The C2S of the 41 endpoints, and every message inside them."""
    found: dict[str, Descriptor] = {}
    to_visit = [descriptors.message(f"{route.protocol.name}.C2S") for route in ROUTES]
    while to_visit:
        message = to_visit.pop()
        if message.full_name not in found:
            found[message.full_name] = message
            to_visit.extend(field.message_type for field in message.fields if field.message_type)
    return list(found.values())


def request_fields() -> list[FieldDescriptor]:
    return [field for message in request_messages() for field in message.fields]


def test_every_enum_mark_names_an_enumeration_and_stands_at_an_int32() -> None:
    for field_name, enum_name in marks().items():
        message_name, _, name = field_name.rpartition(".")
        field = descriptors.message(message_name).fields_by_name[name]
        assert field.type == FieldDescriptor.TYPE_INT32, field_name
        assert descriptors.enum(enum_name).values, field_name


def test_no_enum_mark_is_lost_inside_a_comment() -> None:
    assert [name for name, entry in comments().items() if "enum:" in entry.get("doc", "")] == []


def test_every_int32_of_a_request_carries_an_enumeration_or_is_a_known_number() -> None:
    unmarked = {
        field.full_name
        for field in request_fields()
        if field.type == FieldDescriptor.TYPE_INT32 and field.full_name not in marks()
    }
    assert unmarked == INTEGERS_IN_REQUESTS


def test_every_ret_type_is_marked() -> None:
    for protocol in PROTOCOLS.values():
        assert marks()[f"{protocol.name}.Response.retType"] == "Common.RetType"


def test_every_field_of_a_request_is_documented() -> None:
    assert [field.full_name for field in request_fields() if not is_documented(field.full_name)] == []


def test_every_message_inside_a_request_is_documented() -> None:
    inside = [message.full_name for message in request_messages() if message.name != "C2S"]
    assert [name for name in inside if not is_documented(name)] == []


def test_every_enumeration_of_a_request_is_documented() -> None:
    used = {marks()[field.full_name] for field in request_fields() if field.full_name in marks()}
    used |= {field.enum_type.full_name for field in request_fields() if field.enum_type}
    assert [name for name in sorted(used) if not is_documented(name)] == []


def test_every_field_of_an_answer_or_push_is_documented() -> None:
    for protocol in PROTOCOLS.values():
        s2c = descriptors.message(f"{protocol.name}.S2C")
        assert [field.full_name for field in s2c.fields if not is_documented(field.full_name)] == []


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.name)
def test_the_head_of_a_file_names_protocol_and_endpoint(route: Route) -> None:
    head = comments()[route.protocol.name]["doc"]
    assert head.startswith(f"Protocol {route.proto_id}, {route.method} {route.path}: ")


@pytest.mark.parametrize("protocol", [p for p in PROTOCOLS.values() if p.is_push], ids=lambda p: p.name)
def test_the_head_of_a_push_says_so(protocol: Protocol) -> None:
    assert comments()[protocol.name]["doc"].startswith(f"Protocol {protocol.proto_id}, a push: ")
