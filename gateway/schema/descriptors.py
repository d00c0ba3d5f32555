"""The wire contract, loaded from the compiled .proto files into a pool of our own.

The official SDK registers the same file names in protobuf's default pool; a private pool lets both
live in one process. `make proto` writes the compiled set.
"""

from functools import cache
from importlib.resources import files
from typing import Any, TypeAlias

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.descriptor import Descriptor, EnumDescriptor

COMPILED_SET = "wire.binpb"

WireMessage: TypeAlias = Any
"""A message instance. Its class is made at run time, so its fields are unknown to a type checker."""


@cache
def pool() -> descriptor_pool.DescriptorPool:
    """The private pool that holds the 57 files."""
    compiled = descriptor_pb2.FileDescriptorSet.FromString(
        files(__package__).joinpath(COMPILED_SET).read_bytes()
    )
    private = descriptor_pool.DescriptorPool()
    for file in compiled.file:
        private.Add(file)
    return private


def message(full_name: str) -> Descriptor:
    """The descriptor of a message such as `Qot_Sub.C2S`. Raises KeyError if there is none."""
    return pool().FindMessageTypeByName(full_name)


def enum(full_name: str) -> EnumDescriptor:
    """The descriptor of an enumeration such as `Qot_Common.SubType`. Raises KeyError if there is none."""
    return pool().FindEnumTypeByName(full_name)


@cache
def message_class(full_name: str) -> type[WireMessage]:
    """The class of a message such as `Qot_Sub.Request`; nested fields may be given as dicts."""
    return message_factory.GetMessageClass(message(full_name))
