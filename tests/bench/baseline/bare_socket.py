"""Baseline (c): a bare gevent socket that asks OpenD for the same, and looks at nothing but the length."""

import struct
import time
from typing import Any

from gevent import socket

from gateway.opend.frame import HEADER_LENGTH, body_sha1, encode_frame
from gateway.schema.descriptors import WireMessage
from gateway.schema.protocols import Protocol, protocol_named

_LENGTH = struct.Struct("<I")
_LENGTH_AT = 12
INIT_CONNECT = {"clientVer": 300, "clientID": "bench", "packetEncAlgo": -1}


def frame(protocol: Protocol, request: WireMessage, serial: int) -> bytes:
    """A request as it goes over the wire."""
    body = request.SerializeToString()
    return encode_frame(protocol.proto_id, serial, body, sha1=body_sha1(body))


class BareSocket:
    """A session with OpenD. One request at a time, and no pushes."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=30)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._serial = 0
        self._conn_id = 0
        self._conn_id = self.ask("InitConnect", INIT_CONNECT).s2c.connID

    def ask(self, name: str, c2s: dict[str, Any]) -> WireMessage:
        """The `Response`, which has to be a success; `c2s` has the protocol's own names."""
        protocol = protocol_named(name)
        return self.ask_message(protocol, protocol.request(c2s=c2s))

    def ask_message(self, protocol: Protocol, request: WireMessage) -> WireMessage:
        """The same for a request that is a message already; the packet id is filled in."""
        self._serial += 1
        if "packetID" in request.c2s.DESCRIPTOR.fields_by_name:
            request.c2s.packetID.connID, request.c2s.packetID.serialNo = self._conn_id, self._serial
        response = protocol.response.FromString(self.exchange(frame(protocol, request, self._serial)))
        if response.retType != 0:
            raise RuntimeError(f"{protocol.name} was refused: {response.retMsg}")
        return response

    def exchange(self, request: bytes) -> bytes:
        """The body of the next frame after a request was sent."""
        self._socket.sendall(request)
        data = self._socket.recv(1 << 18)
        while len(data) < HEADER_LENGTH:
            data += self._socket.recv(1 << 18)
        whole = HEADER_LENGTH + _LENGTH.unpack_from(data, _LENGTH_AT)[0]
        while len(data) < whole:
            data += self._socket.recv(1 << 18)
        return data[HEADER_LENGTH:whole]

    def close(self) -> None:
        self._socket.close()


def quote_latencies_s(port: int, count: int) -> list[float]:
    """How long each of so many quotes took, one after the other."""
    opend = BareSocket(port)
    tencent = {"market": 1, "code": "00700"}
    opend.ask("Qot_Sub", {"securityList": [tencent], "subTypeList": [1], "isSubOrUnSub": True})
    protocol = protocol_named("Qot_GetBasicQot")
    request = frame(protocol, protocol.request(c2s={"securityList": [tencent]}), serial=100)
    took = []
    for _ in range(count):
        started_s = time.perf_counter()
        opend.exchange(request)
        took.append(time.perf_counter() - started_s)
    opend.close()
    return took
