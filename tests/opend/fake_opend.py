"""An OpenD for tests that does exactly what a script tells it, misbehaviour included.

Frames are packed here by hand and ciphers are PyCryptodome's, so that nothing of the codec under
test stands on both sides.
"""

import hashlib
import struct
from collections.abc import Callable
from dataclasses import dataclass, field

import gevent
from Crypto.Cipher import AES, PKCS1_v1_5
from Crypto.PublicKey import RSA
from gevent.event import Event
from gevent.server import StreamServer

from gateway.opend.settings import Endpoint
from gateway.schema.protocols import PROTOCOLS

HEADER = struct.Struct("<2sIBBII20s8s")
INIT_CONNECT = 1001
KEEP_ALIVE = 1004
AES_KEY = "3F17CF3EEF912C92"
AES_IV = "C119DDDD6314F18A"


def pack(proto_id, serial, body, *, sha1=None, magic=b"FT", proto_fmt=0):
    """A frame with its body as given; `sha1` is that of `body` unless told."""
    digest = hashlib.sha1(body).digest() if sha1 is None else sha1
    return HEADER.pack(magic, proto_id, proto_fmt, 0, serial, len(body), digest, bytes(8)) + body


def response(proto_id, *, ret_type=0, ret_msg="", s2c=None):
    """The bytes of a `Response`; `s2c` may leave required fields out."""
    fields = {"retType": ret_type, "retMsg": ret_msg, "errCode": 0}
    return PROTOCOLS[proto_id].response(**fields, s2c=s2c).SerializePartialToString()


class Plain:
    """No encryption."""

    def encrypt(self, data):
        return data

    decrypt = encrypt


class Cbc:
    """AES-CBC with PKCS7 padding, a fresh cipher for each body."""

    def encrypt(self, data):
        padding = 16 - len(data) % 16
        return self._cipher().encrypt(data + bytes([padding]) * padding)

    def decrypt(self, data):
        plain = self._cipher().decrypt(data)
        return plain[: -plain[-1]]

    def _cipher(self):
        return AES.new(AES_KEY.encode(), AES.MODE_CBC, iv=AES_IV.encode())


class FtEcb:
    """Futu's ECB with its block of length."""

    def encrypt(self, data):
        tail = len(data) % 16
        padded = data + bytes(-len(data) % 16)
        return AES.new(AES_KEY.encode(), AES.MODE_ECB).encrypt(padded) + bytes(15) + bytes([tail])

    def decrypt(self, data):
        plain = AES.new(AES_KEY.encode(), AES.MODE_ECB).decrypt(data[:-16])
        return plain[: len(plain) - (16 - data[-1])] if data[-1] else plain


class Rsa:
    """PKCS1 v1.5 in blocks, as for InitConnect."""

    def __init__(self, pem):
        self._key = RSA.import_key(pem)

    def encrypt(self, data):
        cipher = PKCS1_v1_5.new(self._key)
        return b"".join(cipher.encrypt(data[i : i + 100]) for i in range(0, len(data), 100))

    def decrypt(self, data):
        cipher = PKCS1_v1_5.new(self._key)
        return b"".join(cipher.decrypt(data[i : i + 128], None) for i in range(0, len(data), 128))


@dataclass(frozen=True)
class Request:
    """A request as the fake received it, decrypted."""

    proto_id: int
    serial: int
    body: bytes

    @property
    def c2s(self):
        return PROTOCOLS[self.proto_id].request.FromString(self.body).c2s


@dataclass
class Peer:
    """The fake's side of one connection."""

    socket: object
    conn_id: int
    cipher: object = field(default_factory=Plain)
    requests: list[Request] = field(default_factory=list)

    def send(self, data):
        self.socket.sendall(data)

    def reply(self, request, body, **changes):
        """Answer a request, encrypted as the session is; `changes` go to `pack`."""
        changes.setdefault("sha1", hashlib.sha1(body).digest())
        self.send(pack(request.proto_id, request.serial, self.cipher.encrypt(body), **changes))

    def push(self, proto_id, body, serial=0):
        sha1 = hashlib.sha1(body).digest()
        self.send(pack(proto_id, serial, self.cipher.encrypt(body), sha1=sha1))

    def drop(self):
        self.socket.close()


Script = Callable[[Peer, Request], None]


def answer(peer, request):
    """The default script: a success for every request."""
    peer.reply(request, response(request.proto_id, s2c={}))


class FakeOpenD:
    """A server on an ephemeral loopback port. `script` answers each request after InitConnect.

    `init` and `keep_alive` are scripts too. `requests` counts what came in on all connections;
    InitConnect and KeepAlive are not in it.
    """

    def __init__(self, script: Script = answer, *, pem=None, with_iv=True, interval_s=10, port=0):
        self.script = script
        self.init = self.accept_session
        self.keep_alive = answer_keep_alive
        self.requests: list[Request] = []
        self.peers: list[Peer] = []
        self.inits: list[Request] = []
        self.keep_alives: list[Request] = []
        self.received = Event()
        self._rsa = Rsa(pem) if pem else None
        self._with_iv = with_iv
        self._interval_s = interval_s
        self._server = StreamServer(("127.0.0.1", port), self._serve)
        self._server.start()

    @property
    def endpoint(self):
        return Endpoint("127.0.0.1", self._server.server_port)

    def close(self):
        self._server.stop(timeout=0)
        for peer in self.peers:
            peer.drop()

    def count(self, proto_id):
        return sum(request.proto_id == proto_id for request in self.requests)

    def wait_for(self, condition, within_s=5.0):
        """Wait until `condition()` holds after something was received; fails after `within_s`."""
        with gevent.Timeout(within_s):
            while not condition():
                self.received.wait()
                self.received.clear()

    def accept_session(self, peer, request):
        """The default `init`: InitConnect succeeds; the session's cipher holds from then on."""
        s2c = {
            "serverVer": 1011,
            "loginUserID": 7,
            "connID": peer.conn_id,
            "connAESKey": AES_KEY,
            "keepAliveInterval": self._interval_s,
        }
        if self._with_iv:
            s2c["aesCBCiv"] = AES_IV
        peer.reply(request, response(INIT_CONNECT, s2c=s2c))
        if self._rsa:
            peer.cipher = Cbc() if self._with_iv else FtEcb()

    def _serve(self, socket, _address):
        peer = Peer(socket, conn_id=6813746013095493825 + len(self.peers), cipher=self._rsa or Plain())
        self.peers.append(peer)
        try:
            while (request := self._receive(peer)) is not None:
                self._handle(peer, request)
        except OSError:
            return

    def _handle(self, peer, request):
        kinds = {INIT_CONNECT: (self.inits, self.init), KEEP_ALIVE: (self.keep_alives, self.keep_alive)}
        received, script = kinds.get(request.proto_id, (self.requests, self.script))
        received.append(request)
        peer.requests.append(request)
        self.received.set()
        script(peer, request)

    def _receive(self, peer):
        header = receive_exactly(peer.socket, HEADER.size)
        if header is None:
            return None
        magic, proto_id, _, _, serial, length, sha1, _ = HEADER.unpack(header)
        body = receive_exactly(peer.socket, length)
        if body is None:
            return None
        plain = peer.cipher.decrypt(body)
        assert magic == b"FT"
        assert hashlib.sha1(plain).digest() == sha1
        return Request(proto_id, serial, plain)


def answer_keep_alive(peer, request):
    """The default `keep_alive`."""
    peer.reply(request, response(KEEP_ALIVE, s2c={"time": request.c2s.time}))


def receive_exactly(socket, length):
    """`length` bytes, or None when the stream ends before."""
    data = b""
    while len(data) < length:
        more = socket.recv(length - len(data))
        if not more:
            return None
        data += more
    return data
