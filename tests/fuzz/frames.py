"""Bytes of an OpenD that has gone mad: through the session, the readers of replies and pushes, to JSON.

A case: how the session is encrypted, where its bytes are cut, and the bytes. Beside the promise that
nothing but the gateway's own errors comes out, a plain second reading tells which events are due.
"""

import hashlib
import random
import struct
from collections.abc import Iterator
from copy import copy
from functools import cache
from pathlib import Path
from typing import Any

import orjson
from fuzz.campaign import Finding, Target
from fuzz.mutation import mutated, pieces
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from opend.fake_opend import AES_IV, AES_KEY, Cbc, FtEcb, Plain, Rsa, pack, response

from gateway.feed.event import Body, Format, UnusablePush, events_of
from gateway.opend.crypto import RsaCipher
from gateway.opend.errors import OpenDError
from gateway.opend.frame import FrameReader
from gateway.opend.protocol import (
    Dropped,
    Event,
    ProtocolFault,
    Push,
    Reply,
    Session,
    SessionReady,
    SessionState,
    Unreadable,
    parse_response,
)
from gateway.schema.codec import Codec, Int64Format, Numbering
from gateway.schema.protocols import PROTOCOLS
from gateway.web.errors import json_answer

RSA_PEM = (Path(__file__).parents[1] / "golden" / "rsa_1024.pem").read_bytes()
MAX_BODY_BYTES = 16_384
PLAIN, CBC, FTAES, BEFORE_READY, BEFORE_READY_RSA = range(5)
CIPHERS = {PLAIN: Plain(), CBC: Cbc(), FTAES: FtEcb(), BEFORE_READY: Plain(), BEFORE_READY_RSA: Rsa(RSA_PEM)}
HEADER_BYTES = 44
INIT = {
    "serverVer": 1011,
    "loginUserID": 7,
    "connID": 1,
    "connAESKey": AES_KEY,
    "keepAliveInterval": 10,
}
CODEC = Codec(Numbering.DOCUMENTED)
FORMATS = (Format(Body.JSON, Int64Format.STRING), Format(Body.BASE64, Int64Format.NUMBER))


@cache
def filled(descriptor: Descriptor) -> Any:
    """The fields of a message with every one of them set, lists with one element."""
    fields = {}
    for field in descriptor.fields:
        value = filled(field.message_type) if field.message_type else SAMPLES.get(field.type, 1)
        fields[field.name] = [value] if field.is_repeated else value
    return fields


SAMPLES: dict[int, Any] = {
    FieldDescriptor.TYPE_STRING: "股A1",
    FieldDescriptor.TYPE_BYTES: b"\xff\x00",
    FieldDescriptor.TYPE_BOOL: True,
    FieldDescriptor.TYPE_DOUBLE: 1.5,
}


def encrypted(mode: int, proto_id: int, serial: int, body: bytes) -> bytes:
    """A frame as it travels in a mode."""
    return pack(proto_id, serial, CIPHERS[mode].encrypt(body), sha1=hashlib.sha1(body).digest())


def init_reply(mode: int, *, with_iv: bool = True) -> bytes:
    """The reply that opens a session."""
    body = response(1001, s2c=INIT | ({"aesCBCiv": AES_IV} if with_iv else {}))
    return encrypted(mode, 1001, 1, body)


INIT_REPLIES = {
    PLAIN: init_reply(PLAIN),
    CBC: init_reply(BEFORE_READY_RSA),
    FTAES: init_reply(BEFORE_READY_RSA, with_iv=False),
}


def bodies() -> Iterator[tuple[int, bytes]]:
    """For every protocol a success with every field, and a few that say no."""
    for proto_id, protocol in PROTOCOLS.items():
        fields = filled(protocol.response.DESCRIPTOR) | {"retType": 0}
        yield proto_id, protocol.response(**fields).SerializeToString()
    yield 2202, response(2202, ret_type=-1, ret_msg="下单频率太高，请求失败，每30秒最多15次。")
    yield 3004, response(3004, ret_type=-100, s2c={"basicQotList": []})
    yield 9999, b"?"


class Frames(Target):
    """Streams into sessions, without a socket."""

    name = "frames"

    def seeds(self) -> list[bytes]:
        known = list(bodies())
        cases = [
            bytes((mode, 0)) + encrypted(mode, proto_id, serial, body)
            for mode, share in ((PLAIN, 1), (CBC, 8), (FTAES, 8))
            for serial, (proto_id, body) in enumerate(known)
            if serial % share == 0
        ]
        return [
            *cases,
            *(
                bytes((BEFORE_READY, 0)) + init_reply(BEFORE_READY, with_iv=with_iv)
                for with_iv in (True, False)
            ),
            bytes((BEFORE_READY_RSA, 0)) + init_reply(BEFORE_READY_RSA),
        ]

    def case(self, source: bytes, dice: random.Random) -> bytes:
        mode, stream = source[0], source[2:]
        how = dice.random()
        remade = remade_frame(mode, stream, dice) if how < 0.5 else None
        changed = mutated(stream, dice) if remade is None else remade
        if how > 0.9:
            changed += stream
        return bytes((mode, dice.randrange(256))) + changed[: 4 * MAX_BODY_BYTES]

    def run(self, case: bytes) -> str:
        mode, stream = case[0], case[2:]
        session = session_in(mode)
        events = received(session, stream, random.Random(case[1]))
        if mode in INIT_REPLIES:
            require_same(events, list(plain_reading(mode, stream)))
        return ";".join(sorted({f"{mode} {outcome_of(event)}" for event in events}))


@cache
def first_session(mode: int) -> Session:
    rsa = None if mode in (PLAIN, BEFORE_READY) else RsaCipher.from_pem(RSA_PEM)
    session = Session(client_id="fuzz", max_body_bytes=MAX_BODY_BYTES, rsa=rsa)
    session.start(0.0)
    if mode in INIT_REPLIES:
        session.receive(INIT_REPLIES[mode], 0.0)
    return session


def session_in(mode: int) -> Session:
    """A session that nothing was sent to since it began: a copy, since RSA takes ten times a case's time."""
    session = copy(first_session(mode))
    session._reader = FrameReader(MAX_BODY_BYTES)
    return session


def remade_frame(mode: int, stream: bytes, dice: random.Random) -> bytes | None:
    """The first frame with another body, whose length and SHA-1 are right; None if there is no such frame."""
    if len(stream) < HEADER_BYTES:
        return None
    proto_id, serial = struct.unpack_from("<I", stream, 2)[0], struct.unpack_from("<I", stream, 8)[0]
    try:
        body = CIPHERS[mode].decrypt(stream[HEADER_BYTES:]) or b""
    except (ValueError, TypeError, IndexError):
        return None
    return encrypted(mode, proto_id, serial, mutated(body, dice))


def received(session: Session, stream: bytes, dice: random.Random) -> list[Event]:
    """The events of a stream, which has to leave the session in the state that they tell."""
    events: list[Event] = []
    for piece in pieces(stream, dice):
        was_closed = session.state is SessionState.CLOSED
        more = session.receive(piece, 0.0)
        if was_closed and more:
            raise Finding("events come out of a session that is closed")
        events += more
    faults = [event for event in events if isinstance(event, ProtocolFault)]
    if faults not in ([], events[-1:]) or (session.state is SessionState.CLOSED) != bool(faults):
        raise Finding(f"the session is {session.state} after {events}")
    return events


def plain_reading(mode: int, stream: bytes) -> Iterator[tuple[type[Event], int, int]]:
    """Which events are due, by the documentation of the frame alone."""
    while len(stream) >= HEADER_BYTES or not b"FT".startswith(stream[:2]):
        if stream[:2] != b"FT":
            yield ProtocolFault, 0, 0
            return
        _, proto_id, body_format, _, serial, length, sha1, _ = struct.unpack_from("<2sIBBII20s8s", stream)
        if length > MAX_BODY_BYTES:
            yield ProtocolFault, 0, 0
            return
        if len(stream) < HEADER_BYTES + length:
            return
        body, stream = stream[HEADER_BYTES : HEADER_BYTES + length], stream[HEADER_BYTES + length :]
        if proto_id not in PROTOCOLS:
            yield Dropped, proto_id, serial
        elif body_format != 0 or not is_whole(mode, body, sha1):
            yield Unreadable, proto_id, serial
        elif PROTOCOLS[proto_id].is_push:
            yield Push, proto_id, 0
        else:
            yield Reply, proto_id, serial


def is_whole(mode: int, body: bytes, sha1: bytes) -> bool:
    """Whether a body decrypts to what its SHA-1 is of."""
    if mode != PLAIN and (not body or len(body) % 16):
        return False
    if mode == FTAES and (body[-1] > 15 or (body[-1] and len(body) == 16)):
        return False
    return hashlib.sha1(CIPHERS[mode].decrypt(body)).digest() == sha1


def require_same(events: list[Event], due: list[tuple[type[Event], int, int]]) -> None:
    found = [
        (type(event), getattr(event, "proto_id", 0), getattr(event, "serial", 0))
        for event in events
        if not isinstance(event, SessionReady)
    ]
    if found != due:
        raise Finding(f"due was {due}, found {found}")


def outcome_of(event: Event) -> str:
    """What becomes of an event further on, in few words."""
    match event:
        case Reply(proto_id, _, body):
            return f"Reply {proto_id} {answer(proto_id, body)}"
        case Push(proto_id, body):
            return f"Push {proto_id} {pushed(proto_id, body)}"
        case Unreadable(_, _, error) | ProtocolFault(error):
            return f"{type(event).__name__} {type(error).__name__}"
    return type(event).__name__


def answer(proto_id: int, body: bytes) -> str:
    """The reply as the caller of an endpoint gets it."""
    try:
        parsed = parse_response(PROTOCOLS[proto_id], body)
    except OpenDError as error:
        json_answer(error.status, {"error": str(error), **error.details()})
        return type(error).__name__
    for int64 in Int64Format:
        json_answer(200, CODEC.encode(parsed, int64))
    return "read"


def pushed(proto_id: int, body: bytes) -> str:
    """The push as sockets get it."""
    try:
        events = events_of(proto_id, body)
    except UnusablePush:
        return "UnusablePush"
    for event in events:
        for wanted in FORMATS:
            orjson.loads(b'{"seq":1' + event.message(CODEC, wanted).tail)
    return f"{min(len(events), 3)} events"
