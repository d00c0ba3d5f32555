"""One client's connection without its socket, and the handshake that opens a session on it."""

import secrets
from collections.abc import Mapping
from typing import Any, Protocol

from gateway.opend.crypto import BodyCipher, PacketEncAlgo, PlainCipher, RsaCipher, session_cipher
from gateway.opend.errors import CipherError
from gateway.opend.frame import FrameReader, encode_frame
from gateway.simulator.model import Refusal, Work
from gateway.simulator.packet_ids import PacketIdGuard

MAX_REQUEST_BODY_BYTES = 16 * 1024 * 1024
"""OpenD's own cap is not documented; no request of the protocol comes near this one."""

SERVER_VERSION = 1011
LOGIN_USER_ID = 10_000_001
KEEP_ALIVE_INTERVAL_S = 10
PUSH_SERIAL = 0
"""What OpenD puts here is not documented. Clients count from 1, so 0 never meets a waiting request."""

_USER_ATTRIBUTION_NN = 1
_PROTOBUF_FORMAT = 0
_FIRST_CONN_ID = 1 << 62
_ID_AND_KEY_BYTES = 8


class Outlet(Protocol):
    """The way to a client: what a socket offers to a session."""

    def write(self, data: bytes, delay_s: float = 0.0) -> None:
        """Send bytes, now or later, without waiting for a slow reader."""
        ...

    def close(self) -> None:
        """Close the connection once all that was written has left."""
        ...

    def abort(self) -> None:
        """Drop the connection at once."""
        ...


class Session:
    """What the simulator knows of one connection. It is `ready` after InitConnect.

    `work` is the request that is being answered, when that takes several steps.
    """

    def __init__(self, outlet: Outlet, now_s: float) -> None:
        # Ids as real ones: above 2^53, where a client that keeps them in a double goes wrong.
        self.conn_id = _FIRST_CONN_ID + secrets.randbits(61)
        self.outlet = outlet
        self.reader = FrameReader(MAX_REQUEST_BODY_BYTES)
        self.cipher: BodyCipher = PlainCipher()
        self.packet_ids = PacketIdGuard(self.conn_id)
        self.work: Work[None] | None = None
        self.client_id = ""
        self.ready = False
        self.gone = False
        self.stalled = False
        self.wants_notify = False
        self.acc_ids: frozenset[int] = frozenset()
        self.last_received_s = now_s

    def send(self, data: bytes, delay_s: float = 0.0) -> None:
        """Send ready bytes, unless the session is stalled or gone."""
        if data and not (self.stalled or self.gone):
            self.outlet.write(data, delay_s)

    def push(self, proto_id: int, body: bytes, sha1: bytes) -> None:
        """Send a push with this plain body and its SHA-1."""
        self.send(encode_frame(proto_id, PUSH_SERIAL, self.cipher.encrypt(body), sha1=sha1))

    def drop(self) -> None:
        """End the connection at once."""
        self.gone = True
        self.outlet.abort()

    def finish(self) -> None:
        """End the connection after what was written."""
        self.gone = True
        self.outlet.close()


class Handshake:
    """Answers InitConnect: gives ids and keys, and agrees on the encryption.

    With an RSA key the request is RSA; unless the client asks for no encryption the reply is RSA
    too, and all that follows AES. Without a key everything is plain, whatever the client asks.
    """

    def __init__(self, rsa: RsaCipher | None) -> None:
        self._rsa = rsa

    @property
    def request_cipher(self) -> BodyCipher:
        """What InitConnect's request is encrypted with."""
        return self._rsa or PlainCipher()

    def reply_cipher(self, c2s: Any) -> BodyCipher:
        """What the reply to this request is encrypted with."""
        return self.request_cipher if c2s.packetEncAlgo != PacketEncAlgo.NONE else PlainCipher()

    def open(self, session: Session, c2s: Any) -> Mapping[str, Any]:
        """Make the session ready and return InitConnect's S2C. Raises `Refusal`."""
        if session.ready:
            # A second InitConnect is undocumented; new keys in mid-stream could only confuse a client.
            raise Refusal("InitConnect was already done on this connection")
        if c2s.pushProtoFmt != _PROTOBUF_FORMAT:
            raise Refusal("pushProtoFmt 1 (JSON) is not supported; use 0 (protobuf)")
        algo = self._algo(c2s)
        key, iv = _random_key(), _random_key()
        try:
            session.cipher = session_cipher(algo, key, iv)
        except CipherError as error:
            raise Refusal(str(error)) from error
        session.client_id = c2s.clientID
        session.wants_notify = c2s.recvNotify
        session.ready = True
        return {
            "serverVer": SERVER_VERSION,
            "loginUserID": LOGIN_USER_ID,
            "connID": session.conn_id,
            "connAESKey": key,
            "keepAliveInterval": KEEP_ALIVE_INTERVAL_S,
            "userAttribution": _USER_ATTRIBUTION_NN,
        } | _initialisation_vector(algo, iv)

    def _algo(self, c2s: Any) -> PacketEncAlgo:
        """An unset field is FTAES_ECB, its number 0, as the .proto's comment says."""
        try:
            wanted = PacketEncAlgo(c2s.packetEncAlgo)
        except ValueError:
            raise Refusal(f"packetEncAlgo {c2s.packetEncAlgo} is not known") from None
        return wanted if self._rsa else PacketEncAlgo.NONE


def _initialisation_vector(algo: PacketEncAlgo, iv: str) -> dict[str, str]:
    """OpenD sends it to unencrypted clients too, and a client that gets one encrypts in CBC."""
    return {} if algo is PacketEncAlgo.FTAES_ECB else {"aesCBCiv": iv}


def _random_key() -> str:
    """16 characters of upper hex, as in OpenD's samples."""
    return secrets.token_hex(_ID_AND_KEY_BYTES).upper()
