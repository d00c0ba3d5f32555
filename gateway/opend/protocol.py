"""One session with OpenD as a state machine: bytes in, events out, bytes to send out.

No socket, no greenlet, no clock: whoever owns those passes bytes and the time in. A session begins
with InitConnect, is READY after its reply, and stays in step with KeepAlive until it is CLOSED.

What a bad frame does, after which only the first ends the session:

- the stream lost its place (`BadMagic`, `FrameTooLarge`), or it ended: `ProtocolFault`;
- the body does not decrypt, has another SHA-1, or is JSON: `Unreadable`, for this frame alone;
- nothing of ours can be meant (unknown proto id, a frame before READY): `Dropped`.
"""

from collections import deque
from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

from google.protobuf.message import DecodeError

from gateway.opend.crypto import BodyCipher, PacketEncAlgo, PlainCipher, RsaCipher, session_cipher
from gateway.opend.errors import (
    BadSha1,
    CipherError,
    ConnectionLost,
    DecryptionError,
    FrameError,
    OpenDError,
    ReplyUnusable,
    SessionStateError,
    UnparsableBody,
    answer_error,
)
from gateway.opend.frame import MAX_SERIAL, Frame, FrameReader, body_sha1, encode_frame
from gateway.schema.descriptors import WireMessage
from gateway.schema.protocols import PROTOCOLS, Protocol
from gateway.schema.text import text_of

INIT_CONNECT = 1001
KEEP_ALIVE = 1004

CLIENT_VERSION = 300
"""`clientVer` of the official SDK of OpenD 10.11, so a number that OpenD is known to accept."""

PROTOBUF = 0
DEFAULT_KEEP_ALIVE_INTERVAL_S = 10
"""The interval in every published sample; taken when OpenD states none above zero."""
KEEP_ALIVE_SHARE = 0.8
KEEP_ALIVES_AWAITED = 8
"""How many KeepAlives without an answer are remembered; OpenD may be late with several."""
SILENT_INTERVALS = 3
SILENT_MARGIN_S = 3
"""Without a byte for 3 intervals and 3 s a connection counts as dead: the official SDK's 33 s for 10 s."""


class SessionState(Enum):
    """Where a session stands."""

    CONNECTING = "connecting"
    INITIALISING = "initialising"
    READY = "ready"
    CLOSED = "closed"


class Signal(Enum):
    """What moves a session on."""

    INIT_SENT = "init sent"
    INIT_ACCEPTED = "init accepted"
    CLOSE = "close"


TRANSITIONS: dict[tuple[SessionState, Signal], SessionState] = {
    (SessionState.CONNECTING, Signal.INIT_SENT): SessionState.INITIALISING,
    (SessionState.INITIALISING, Signal.INIT_ACCEPTED): SessionState.READY,
    (SessionState.CONNECTING, Signal.CLOSE): SessionState.CLOSED,
    (SessionState.INITIALISING, Signal.CLOSE): SessionState.CLOSED,
    (SessionState.READY, Signal.CLOSE): SessionState.CLOSED,
    (SessionState.CLOSED, Signal.CLOSE): SessionState.CLOSED,
}
"""Every move there is; another one is a defect of the caller and raises `SessionStateError`."""


@dataclass(frozen=True, slots=True)
class SessionInfo:
    """What InitConnect's reply said. `server_version` is major * 100 + minor: 1011 is OpenD 10.11."""

    conn_id: int
    server_version: int
    login_user_id: int
    keep_alive_interval_s: int
    encryption: PacketEncAlgo


@dataclass(frozen=True, slots=True)
class SessionReady:
    """InitConnect succeeded: requests may be sent from now on."""

    info: SessionInfo


@dataclass(frozen=True, slots=True)
class Reply:
    """A reply to the request with this proto id and serial number; `body` is plain and its SHA-1 good."""

    proto_id: int
    serial: int
    body: bytes


@dataclass(frozen=True, slots=True)
class Push:
    """A message that OpenD sent unasked; `body` is plain and its SHA-1 good."""

    proto_id: int
    body: bytes


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A frame whose body cannot be used. The session goes on; the request it answers fails with `error`."""

    proto_id: int
    serial: int
    error: ReplyUnusable


@dataclass(frozen=True, slots=True)
class Dropped:
    """A whole frame that nobody can have use for. The session goes on."""

    proto_id: int
    serial: int
    reason: str


@dataclass(frozen=True, slots=True)
class ProtocolFault:
    """The session is over: it is CLOSED, and the connection has to be dropped."""

    error: OpenDError


Event: TypeAlias = SessionReady | Reply | Push | Unreadable | Dropped | ProtocolFault


def parse_response(protocol: Protocol, body: bytes) -> WireMessage:
    """The `Response` of a plain body, whole and with `retType` 0.

    Raises `UnparsableBody` when it is not such a message or lacks a required field, and what
    `answer_error` makes when `retType` is another.
    """
    response = protocol.response()
    try:
        response.ParseFromString(body)
    except DecodeError as error:
        raise UnparsableBody(f"OpenD's answer is no {protocol.name}.Response: {error}") from error
    if not response.HasField("retType"):
        raise UnparsableBody(f"OpenD's {protocol.name}.Response lacks retType")
    if response.retType:
        raise answer_error(response.retType, text_of(response.retMsg), response.errCode)
    if not response.IsInitialized():
        missing = ", ".join(response.FindInitializationErrors())
        raise UnparsableBody(f"OpenD's {protocol.name}.Response lacks {missing}")
    return response


class Session:
    """One connection's protocol, from InitConnect to the end.

    With `rsa`, InitConnect travels under RSA and everything after it under AES; without, plain.
    All times are monotonic seconds of the caller's clock, except where a name says `wall`.
    """

    def __init__(
        self,
        *,
        client_id: str,
        max_body_bytes: int,
        rsa: RsaCipher | None = None,
        recv_notify: bool = True,
        first_serial: int = 1,
    ) -> None:
        self._client_id = client_id
        self._rsa = rsa
        self._recv_notify = recv_notify
        self._cipher: BodyCipher = rsa or PlainCipher()
        self._reader = FrameReader(max_body_bytes)
        self._next_serial = first_serial
        self._last_received_s = 0.0
        self._last_keep_alive_s = 0.0
        self._init_serial = 0
        self._unanswered_keep_alives: deque[int] = deque(maxlen=KEEP_ALIVES_AWAITED)
        self._state = SessionState.CONNECTING
        self._info: SessionInfo | None = None

    @property
    def state(self) -> SessionState:
        """Where the session stands."""
        return self._state

    @property
    def info(self) -> SessionInfo:
        """What InitConnect agreed on. Raises `SessionStateError` before READY."""
        if self._info is None:
            raise SessionStateError("the session has no InitConnect reply yet")
        return self._info

    def start(self, now_s: float) -> bytes:
        """The InitConnect frame, for a connection that is new."""
        self._move(Signal.INIT_SENT)
        self._last_received_s = self._last_keep_alive_s = now_s
        request = PROTOCOLS[INIT_CONNECT].request(
            c2s={
                "clientVer": CLIENT_VERSION,
                "clientID": self._client_id,
                "recvNotify": self._recv_notify,
                "packetEncAlgo": PacketEncAlgo.AES_CBC if self._rsa else PacketEncAlgo.NONE,
                "pushProtoFmt": PROTOBUF,
            }
        )
        self._init_serial, frame = self._frame(INIT_CONNECT, request.SerializeToString())
        return frame

    def request(self, proto_id: int, body: bytes) -> tuple[int, bytes]:
        """The serial number and the frame of a request with this plain body.

        Frames must be written in the order they were made, since serial numbers have to grow. Raises
        `SessionStateError` when the session is not READY.
        """
        if self._state is not SessionState.READY:
            raise SessionStateError(f"no request can be sent while the session is {self._state.value}")
        return self._frame(proto_id, body)

    def keep_alive_due_at(self) -> float:
        """When the next KeepAlive is due. Raises `SessionStateError` before READY."""
        return self._last_keep_alive_s + KEEP_ALIVE_SHARE * self.info.keep_alive_interval_s

    def silent_until(self) -> float:
        """When the connection counts as dead, unless bytes come before. Raises as above."""
        return self._last_received_s + SILENT_INTERVALS * self.info.keep_alive_interval_s + SILENT_MARGIN_S

    def keep_alive(self, now_s: float, wall_s: float) -> bytes:
        """A KeepAlive frame. Raises `SessionStateError` when the session is not READY."""
        request = PROTOCOLS[KEEP_ALIVE].request(c2s={"time": int(wall_s)})
        serial, frame = self.request(KEEP_ALIVE, request.SerializeToString())
        self._unanswered_keep_alives.append(serial)
        self._last_keep_alive_s = now_s
        return frame

    def receive(self, data: bytes, now_s: float) -> list[Event]:
        """Take what the peer sent and say what it means; empty `data` is the end of the stream.

        After `ProtocolFault`, which is then the last event, bytes are ignored.
        """
        if self._state is SessionState.CLOSED:
            return []
        if not data:
            return [self._fault(ConnectionLost(self._end_of_stream()))]
        self._last_received_s = now_s
        self._reader.receive(data)
        return self._events()

    def close(self) -> None:
        """End the session from our side. Does nothing when it has ended."""
        self._move(Signal.CLOSE)

    def _events(self) -> list[Event]:
        events: list[Event] = []
        try:
            while self._state is not SessionState.CLOSED and (frame := self._reader.next_frame()) is not None:
                event = self._event(frame)
                if event is not None:
                    events.append(event)
        except FrameError as error:
            events.append(self._fault(error))
        return events

    def _event(self, frame: Frame) -> Event | None:
        if self._state is SessionState.INITIALISING:
            return self._event_while_initialising(frame)
        if frame.proto_id == KEEP_ALIVE and frame.serial in self._unanswered_keep_alives:
            self._unanswered_keep_alives.remove(frame.serial)
            return None
        protocol = PROTOCOLS.get(frame.proto_id)
        if protocol is None:
            return Dropped(frame.proto_id, frame.serial, "unknown protocol")
        try:
            body = self._plain_body(frame)
        except ReplyUnusable as error:
            return Unreadable(frame.proto_id, frame.serial, error)
        if protocol.is_push:
            return Push(frame.proto_id, body)
        return Reply(frame.proto_id, frame.serial, body)

    def _event_while_initialising(self, frame: Frame) -> Event:
        if (frame.proto_id, frame.serial) != (INIT_CONNECT, self._init_serial):
            return Dropped(frame.proto_id, frame.serial, "sent before InitConnect's reply")
        try:
            self._info = self._accept(self._plain_body(frame))
        except (BadSha1, DecryptionError) as error:
            return self._fault(CipherError(f"{error}; do both sides have the same RSA key?"))
        except OpenDError as error:
            return self._fault(error)
        self._move(Signal.INIT_ACCEPTED)
        return SessionReady(self._info)

    def _accept(self, body: bytes) -> SessionInfo:
        """Take over the session's cipher and parameters from InitConnect's reply."""
        response = parse_response(PROTOCOLS[INIT_CONNECT], body)
        if not response.HasField("s2c"):
            raise UnparsableBody("OpenD's InitConnect.Response lacks s2c")
        s2c = response.s2c
        encryption = self._encryption(s2c)
        iv = text_of(s2c.aesCBCiv) if s2c.HasField("aesCBCiv") else None
        self._cipher = session_cipher(encryption, text_of(s2c.connAESKey), iv)
        interval_s = s2c.keepAliveInterval if s2c.keepAliveInterval > 0 else DEFAULT_KEEP_ALIVE_INTERVAL_S
        return SessionInfo(s2c.connID, s2c.serverVer, s2c.loginUserID, interval_s, encryption)

    def _encryption(self, s2c: WireMessage) -> PacketEncAlgo:
        """CBC was asked for; an OpenD that does not know it sends no vector and means FTAES_ECB."""
        if self._rsa is None:
            return PacketEncAlgo.NONE
        return PacketEncAlgo.AES_CBC if s2c.HasField("aesCBCiv") else PacketEncAlgo.FTAES_ECB

    def _plain_body(self, frame: Frame) -> bytes:
        if frame.proto_fmt != PROTOBUF:
            raise UnparsableBody(f"OpenD sent protocol {frame.proto_id} in body format {frame.proto_fmt}")
        plain = self._cipher.decrypt(frame.body)
        if body_sha1(plain) != frame.sha1:
            raise BadSha1(f"OpenD's answer (protocol {frame.proto_id}) does not match its SHA-1")
        return plain

    def _frame(self, proto_id: int, body: bytes) -> tuple[int, bytes]:
        serial = self._next_serial
        # 0 is left to pushes; by the time numbers come round, no request of the last round waits.
        self._next_serial = serial + 1 if serial < MAX_SERIAL else 1
        return serial, encode_frame(proto_id, serial, self._cipher.encrypt(body), sha1=body_sha1(body))

    def _end_of_stream(self) -> str:
        if self._state is SessionState.INITIALISING:
            return (
                "OpenD closed the connection instead of answering InitConnect; "
                "it does so when it wants an RSA key, or another one, and when it has too many connections"
            )
        where = "" if self._reader.is_between_frames else " in the middle of a frame"
        return f"OpenD closed the connection{where}"

    def _fault(self, error: OpenDError) -> ProtocolFault:
        self._move(Signal.CLOSE)
        return ProtocolFault(error)

    def _move(self, signal: Signal) -> None:
        try:
            self._state = TRANSITIONS[self._state, signal]
        except KeyError:
            raise SessionStateError(f"{signal.value} while the session is {self._state.value}") from None
