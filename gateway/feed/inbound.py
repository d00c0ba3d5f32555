"""What a client sends over its socket: bytes become requests, pings and an end. No socket, no clock."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

from wsproto.connection import SERVER, Connection
from wsproto.events import BytesMessage, CloseConnection, Ping, TextMessage

MAX_MESSAGE_BYTES = 64 * 1024

NORMAL, NO_CODE, ABNORMAL = 1000, 1005, 1006
UNSUPPORTED, TOO_BIG = 1003, 1009


class Violation(Exception):
    """The client broke the protocol or a bound; `code` is what the socket is closed with."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code


@dataclass(frozen=True, slots=True)
class Text:
    """A whole message."""

    text: str


@dataclass(frozen=True, slots=True)
class Pinged:
    """A ping, which wants its payload back."""

    payload: bytes


@dataclass(frozen=True, slots=True)
class Ended:
    """The client closes; 1005 when it gave no code."""

    code: int


Received: TypeAlias = Text | Pinged | Ended


class Inbound:
    """The frames of one client, fragments put together."""

    def __init__(self) -> None:
        self._connection = Connection(SERVER)
        self._parts: list[str] = []
        self._length = 0
        self._is_over = False

    def receive(self, data: bytes) -> Iterator[Received]:
        """What the bytes complete. Raises Violation; after that, and after an end, bytes mean nothing."""
        if self._is_over:
            return
        self._connection.receive_data(data)
        for event in self._connection.events():
            match event:
                case TextMessage():
                    yield from self._text(event)
                case Ping():
                    yield Pinged(bytes(event.payload))
                case BytesMessage():
                    raise self._violation(UNSUPPORTED, "messages have to be text")
                case CloseConnection():
                    yield self._ended(event)

    def _text(self, part: TextMessage) -> Iterator[Text]:
        """A part of a message; the decoder gives it out as it comes in, however long the frame says it is."""
        self._length += len(part.data.encode())
        if self._length > MAX_MESSAGE_BYTES:
            raise self._violation(TOO_BIG, f"a message may have {MAX_MESSAGE_BYTES} bytes")
        self._parts.append(part.data)
        if part.message_finished:
            text = "".join(self._parts)
            self._parts.clear()
            self._length = 0
            yield Text(text)

    def _ended(self, event: CloseConnection) -> Ended:
        """The client's close frame. The library gives what it cannot parse as one, too: with its reason."""
        self._is_over = True
        if self._connection.state is self._connection.state.OPEN:
            raise self._violation(int(event.code), event.reason or "")
        return Ended(int(event.code))

    def _violation(self, code: int, reason: str) -> Violation:
        self._is_over = True
        return Violation(code, reason)
