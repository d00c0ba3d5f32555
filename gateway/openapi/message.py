"""Messages of the contract as schemas, from their descriptors and comments."""

from google.protobuf.descriptor import Descriptor, FieldDescriptor

from gateway.openapi.component import Components, Schema, base_name
from gateway.openapi.enumeration import Enumerations
from gateway.openapi.value import Values
from gateway.schema.comments import Comments
from gateway.schema.descriptors import enum, message
from gateway.schema.names import snake_case
from gateway.schema.numbering import Numbering
from gateway.schema.protocols import Protocol
from gateway.schema.rules import fields_to_give
from gateway.schema.security import PREFIXES, SECURITY
from gateway.schema.trade_header import FLAT_FIELDS, TRADE_HEADER

BESIDE = {"Qot_GetBasicQot.C2S": ("sub_type_list", "Qot_Common.SubType")}
"""Lists of an enumeration that a request takes beside the fields of its message (decisions D3)."""

SECURITY_TEXT: Schema = {
    "type": "string",
    "pattern": rf"^({'|'.join(PREFIXES)})\..+$",
    "description": "Market and code with a dot between them.",
    "examples": ["HK.00700", "US.AAPL"],
}


class Messages:
    """Schemas of messages in one numbering. Each message becomes a component of the document.

    A message of a request has another schema than the same one in an answer: it may be spelled in
    more ways, and has no field that nobody knows. Its name ends in `Input`.
    """

    def __init__(self, components: Components, comments: Comments, numbering: Numbering) -> None:
        self._components = components
        self._comments = comments
        self._enumerations = Enumerations(components, comments, numbering)
        self.values = Values(components, self._enumerations)

    def answer(self, protocol: Protocol) -> Schema:
        """The answer of a call that succeeded."""
        name = base_name(f"{protocol.name}.Response")
        return self._components.refer(name, protocol.name, lambda: self._success(protocol))

    def request(self, protocol: Protocol) -> Schema:
        """The body of a POST."""
        c2s = protocol.request.DESCRIPTOR.fields_by_name["c2s"].message_type
        name = base_name(f"{protocol.name}.Request")
        return self._components.refer(name, c2s.full_name, lambda: self._asked(c2s))

    def query_fields(self, protocol: Protocol) -> list[tuple[str, Schema, str, bool]]:
        """Name, schema, comment and need of each field that a GET takes as a query parameter."""
        c2s = protocol.request.DESCRIPTOR.fields_by_name["c2s"].message_type
        needed = fields_to_give(c2s)
        return [
            (
                snake_case(field.name),
                _listed(field, self.values.request(field)),
                self._comments.of(field.full_name),
                field in needed,
            )
            for field in c2s.fields
            if field.message_type is None
        ]

    def _success(self, protocol: Protocol) -> Schema:
        s2c = protocol.response.DESCRIPTOR.fields_by_name["s2c"].message_type
        return {
            "type": "object",
            "properties": {
                "ret_type": {"type": "integer", "const": 0, "description": "0: OpenD did what was asked."},
                "ret_msg": {"type": "string", "description": "OpenD's words, mostly none."},
                "err_code": {"type": "integer", "format": "int32", "description": "0 on success."},
                "s2c": {**self._answered(s2c), "description": "The answer; left out where OpenD gives none."},
            },
            "required": ["ret_type", "ret_msg", "err_code"],
        }

    def _answered(self, descriptor: Descriptor) -> Schema:
        full_name = descriptor.full_name
        name = base_name(full_name).removesuffix("S2C")
        return self._components.refer(name, full_name, lambda: self._answered_object(descriptor))

    def _answered_object(self, descriptor: Descriptor) -> Schema:
        properties = {snake_case(field.name): self._answered_field(field) for field in descriptor.fields}
        always = [snake_case(each.name) for each in descriptor.fields if each.is_required or each.is_repeated]
        return self._object(descriptor, properties, always)

    def _answered_field(self, field: FieldDescriptor) -> Schema:
        nested = field.message_type
        element = self._answered(nested) if nested else self.values.answer(field)
        return self._described(field, _listed(field, element))

    def _asked(self, descriptor: Descriptor) -> Schema:
        properties = {snake_case(field.name): self._asked_field(field) for field in descriptor.fields}
        needed = [snake_case(field.name) for field in fields_to_give(descriptor)]
        schema = {**self._object(descriptor, properties, needed), "additionalProperties": False}
        if beside := BESIDE.get(descriptor.full_name):
            properties[beside[0]] = self._sub_types(beside[1])
        if TRADE_HEADER in {each.message_type.full_name for each in descriptor.fields if each.message_type}:
            schema |= self._flat_header(properties, needed)
        return schema

    def _asked_field(self, field: FieldDescriptor) -> Schema:
        nested = field.message_type
        element = self._asked_message(nested) if nested else self.values.request(field)
        return self._described(field, _listed(field, element))

    def _asked_message(self, descriptor: Descriptor) -> Schema:
        full_name = descriptor.full_name
        if full_name == SECURITY:
            return self._components.refer("SecurityInput", "security or text", self._asked_security)
        name = f"{base_name(full_name)}Input"
        return self._components.refer(name, full_name, lambda: self._asked(descriptor))

    def _asked_security(self) -> Schema:
        pair = message(SECURITY)
        as_object = self._components.refer("MarketAndCode", SECURITY, lambda: self._asked(pair))
        return {"anyOf": [as_object, SECURITY_TEXT], "description": self._comments.of(SECURITY)}

    def _flat_header(self, properties: dict[str, Schema], needed: list[str]) -> Schema:
        """What makes the header's fields stand flat beside it, or in it: all three in one of the places."""
        header = message(TRADE_HEADER).fields_by_name
        flat = [snake_case(name) for name in FLAT_FIELDS]
        for name in FLAT_FIELDS:
            text = f"In place of the same field of `header`. {self._note(header[name])}"
            beside = {**self.values.request(header[name]), "description": text}
            properties.setdefault(snake_case(name), beside)  # Trd_ModifyOrder has a market of its own
        needed.remove("header")
        return {"if": {"not": {"required": ["header"]}}, "then": {"required": flat}}

    def _note(self, field: FieldDescriptor) -> str:
        return self._comments.of(field.full_name)

    def _sub_types(self, enum_name: str) -> Schema:
        element = self._enumerations.request(enum(enum_name), refuse_unknown=True)
        text = "The gateway's own: what to subscribe the securities to before it asks."
        return {"type": "array", "items": element, "description": text}

    def _object(self, descriptor: Descriptor, properties: dict[str, Schema], required: list[str]) -> Schema:
        schema: Schema = {"type": "object", "properties": properties, "required": required}
        if comment := self._comments.of(descriptor.full_name):
            schema["description"] = comment
        return schema

    def _described(self, field: FieldDescriptor, schema: Schema) -> Schema:
        return {**schema, "description": self._note(field)}


def _listed(field: FieldDescriptor, element: Schema) -> Schema:
    return {"type": "array", "items": element} if field.is_repeated else element
