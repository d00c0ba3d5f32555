"""A message to clients: a JSON text that lacks only its number, encoded once for all who get it."""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any, NamedTuple

from gateway.feed.frame import text_head
from gateway.schema.text import json_bytes

_SEQ = b'{"seq":'


class MessageType(StrEnum):
    """What stands as `type`. GAP and REPLY are no events: no filter holds them back."""

    QUOTE = "quote"
    TRADE = "trade"
    NOTIFY = "notify"
    GAP = "gap"
    REPLY = "reply"


class Stream(NamedTuple):
    """Messages of which the newest is enough for a client that cannot keep up."""

    proto_id: int
    sec_key: str
    sub_type: int
    rehab_type: int | None = None

    def fields(self) -> dict[str, Any]:
        """As a gap shows it."""
        return {name: value for name, value in self._asdict().items() if value is not None}


class Unreadable(NamedTuple):
    """Pushes of a protocol that nobody could read: what they were about is not known."""

    proto_id: int

    def fields(self) -> dict[str, Any]:
        """As a gap shows it."""
        return self._asdict()


class Message:
    """One message, ready but for its `seq`.

    A newer message of the same `stream` makes it outdated. `stream` is None for what must not be left out.
    `type` is the plain text, which is counted faster than a member of an enumeration.
    """

    __slots__ = ("_heads", "size", "stream", "tail", "type")

    def __init__(
        self, message_type: MessageType, fields: Mapping[str, Any], stream: Stream | None = None
    ) -> None:
        self.type = message_type.value
        self.stream = stream
        self.tail = b"," + json_bytes({"type": message_type, **fields})[1:]
        self.size = len(self.tail)
        self._heads: dict[int, bytes] = {}

    def head(self, digits: int) -> bytes:
        """The bytes before a `seq` of so many digits: the frame's head and the begin of the object."""
        head = self._heads.get(digits)
        if head is None:
            head = self._heads[digits] = text_head(len(_SEQ) + digits + self.size) + _SEQ
        return head


class Missing(Message):
    """Stands among the messages where something is missing, until a gap message tells of it."""

    __slots__ = ("what",)

    def __init__(self, what: Unreadable) -> None:
        super().__init__(MessageType.GAP, what.fields())
        self.what = what


def stamped(messages: Iterable[Message], seq: int) -> list[bytes]:
    """The messages as frames, numbered from `seq` on."""
    frames = []
    for number, message in enumerate(messages, seq):
        digits = b"%d" % number
        frames.append(b"%b%b%b" % (message.head(len(digits)), digits, message.tail))
    return frames
