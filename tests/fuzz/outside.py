"""Campaigns over real sockets: against the product's client, and against a gunicorn of its own."""

import base64
import json
import logging
import os
import random
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

from fix_gateway import GatewayProcess, free_port, wait_until
from fuzz import bodies, messages
from fuzz.campaign import Finding, Report, Target, run_campaign
from fuzz.frames import PLAIN, Frames, outcome_of
from fuzz.mutation import mutated
from fuzz.policies import Policies
from opend.fake_opend import FakeOpenD, Peer, Request, response

from gateway.opend import pool
from gateway.opend.client import CallKind, Client, ClientSettings
from gateway.opend.errors import OpenDError
from gateway.opend.protocol import Push
from gateway.policy.loader import parse_policy
from gateway.policy.token import format_hash, hash_token
from gateway.schema.protocols import protocol_named
from gateway.yaml_text import ConfigurationError

WALL_LIMIT_S = 5.0
"""What a case over sockets may take by the clock on the wall, with other programs on the machine."""

REQUESTS_SHARE, SOCKETS_SHARE, BROKEN_POLICIES, RELOAD_EVERY = 100, 20, 50, 10
TOKEN = "fc_" + "5" * 64
SNAPSHOT = protocol_named("Qot_GetSecuritySnapshot")
QUESTION = {"securityList": [{"market": 1, "code": "00700"}]}


class Streams(Target):
    """An OpenD that answers each request with a case's bytes and hangs up, before a real client.

    The call has to end at once, by an answer or an error of the client's; the next one is answered well.
    """

    name = "streams"
    now_s = staticmethod(time.monotonic)
    hang_s = WALL_LIMIT_S

    def __init__(self) -> None:
        self._frames, self._stream = Frames(), b""
        self._min_gap_s, pool.MIN_GAP_S = pool.MIN_GAP_S, 0.0
        logging.getLogger("gateway").addHandler(logging.NullHandler())
        self._opend = FakeOpenD(self._answer)
        settings = ClientSettings((self._opend.endpoint,), pool_size=1, timeout_s=3.0)
        self._client = Client(settings, jitter=lambda: 0.0, on_push=self._pushed)
        self._client.open()

    def close(self) -> None:
        self._client.close()
        self._opend.close()
        pool.MIN_GAP_S = self._min_gap_s

    def seeds(self) -> list[bytes]:
        return [case for case in self._frames.seeds() if case[0] == PLAIN]

    def case(self, source: bytes, dice: random.Random) -> bytes:
        return self._frames.case(source, dice)

    def run(self, case: bytes) -> str:
        self._stream = case[2:] if case[0] == PLAIN else b""
        outcome = self._ask(CallKind.SUBSCRIPTION)
        if self._stream or self._ask(CallKind.READ) != "answered":
            raise Finding(f"after {outcome} the client has no good answer")
        return outcome

    def _ask(self, kind: CallKind) -> str:
        """What a call gives. A read is asked once more where its connection was cut off, the other is not."""
        try:
            self._client.call(SNAPSHOT, SNAPSHOT.request(c2s=QUESTION), kind=kind)
        except OpenDError as error:
            return type(error).__name__
        return "answered"

    def _answer(self, peer: Peer, request: Request) -> None:
        if not self._stream:
            peer.reply(request, response(request.proto_id, s2c={}))
            return
        stream, self._stream = bytearray(self._stream), b""
        if len(stream) > 12 and stream[:1] == b"F" and stream[8] % 2:
            stream[2:6], stream[8:12] = (
                request.proto_id.to_bytes(4, "little"),
                request.serial.to_bytes(4, "little"),
            )
        peer.send(bytes(stream))
        peer.drop()

    @staticmethod
    def _pushed(proto_id: int, body: bytes, _: object) -> None:
        outcome_of(Push(proto_id, body))


class Outside:
    """A gateway with keys, one worker and the embedded simulator; closed at the end of the `with`."""

    def __init__(self, directory: Path) -> None:
        self.policy = directory / "policy.yaml"
        self.policy.touch(0o600)
        self.write_policy("fuzz")
        settings = {
            "opend": {"endpoints": [f"127.0.0.1:{free_port()}"], "simulator": {"frequency_limits": False}},
            "auth": {"mode": "keys", "policy": str(self.policy)},
        }
        self.gateway = GatewayProcess(directory, settings).wait_ready()
        wait_until(lambda: self.gateway.request("GET", "/ready")[0].status == 200)

    def __enter__(self) -> "Outside":
        return self

    def __exit__(self, *_: object) -> None:
        self.gateway.stop()

    def campaigns(self, sizes: dict[str, int], seed: int) -> Iterator[Report]:
        """The campaigns over sockets, each with a part of the cases."""
        yield self._campaign(Requests(self), sizes["BODIES"] // REQUESTS_SHARE, seed)
        yield self._campaign(Sockets(self), sizes["MESSAGES"] // SOCKETS_SHARE, seed)
        yield self._campaign(Reloads(self), min(sizes["POLICIES"], BROKEN_POLICIES), seed)

    def _campaign(self, target: Target, count: int, seed: int) -> Report:
        report, worker = run_campaign(target, max(1, count), seed), self.workers()
        if "Traceback" in self.gateway.log or "defect" in self.gateway.log:
            report.findings.append((b"", f"a defect in the log: {self.gateway.log[-3000:]}"))
        if not worker or self.gateway.process.poll() is not None:
            report.findings.append((b"", "the gateway is gone"))
        return report

    def workers(self) -> list[int]:
        return self.gateway.children

    def write_policy(self, key_id: str) -> None:
        """A good policy file, with one key that has `TOKEN` and may do everything."""
        scopes = ["qot:read", "acc:read", "trade:real"]
        key = {"id": key_id, "hash": format_hash(hash_token(TOKEN)), "scopes": scopes}
        self.policy.write_text(json.dumps({"version": 1, "keys": [key]}))

    def require_good_answer(self) -> None:
        """A right request is answered as if nothing had been."""
        started_s = time.monotonic()
        answer, body = self.gateway.request("POST", "/api/quote", bodies.PAGE_QUOTE.encode(), AUTHORIZATION)
        seconds = time.monotonic() - started_s
        if answer.status != 200 or seconds > WALL_LIMIT_S:
            raise Finding(f"a right request is answered {answer.status} after {seconds:.1f} s: {body!r}")

    def exchange(self, sent: bytes) -> bytes:
        """What the gateway sends to a client that sends this, and then nothing more."""
        with socket.create_connection(("127.0.0.1", self.gateway.port), timeout=WALL_LIMIT_S) as connection:
            try:
                connection.sendall(sent)
                connection.shutdown(socket.SHUT_WR)
                return b"".join(iter(lambda: connection.recv(65536), b""))
            except ConnectionError:
                return b""
            except TimeoutError:
                raise Finding(f"no end within {WALL_LIMIT_S} s") from None


AUTHORIZATION = {"Authorization": f"Bearer {TOKEN}"}


class _Live(Target):
    """What campaigns against the gateway's process share; now and then a right request is sent between."""

    now_s = staticmethod(time.monotonic)
    hang_s = WALL_LIMIT_S

    def __init__(self, outside: Outside) -> None:
        self._outside = outside
        self._cases = 0

    def run(self, case: bytes) -> str:
        self._cases += 1
        if self._cases % 25 == 0:
            self._outside.require_good_answer()
        return self._run(case)

    def _run(self, case: bytes) -> str:
        raise NotImplementedError


class Requests(_Live):
    """Whole HTTP requests, their heads and framing among what is changed."""

    name = "requests"

    def seeds(self) -> list[bytes]:
        return [http_request(case) for case in bodies.right_requests()]

    def case(self, source: bytes, dice: random.Random) -> bytes:
        head, _, body = source.partition(b"\r\n\r\n")
        if dice.random() < 0.4:
            return mutated(source, dice, bodies.WORDS + FRAMING)[:300_000]
        changed = bodies.other_json(body, dice) if dice.random() < 0.7 else bodies.changed_bytes(body, dice)
        lines = [
            line for line in head.split(b"\r\n") if not line.lower().startswith((b"content-le", b"transfer"))
        ]
        if dice.random() < 0.3:
            return b"\r\n".join([*lines, b"Transfer-Encoding: chunked", b"", chunked(changed, dice)])
        return b"\r\n".join([*lines, b"Content-Length: %d" % len(changed), b"", changed])

    def _run(self, case: bytes) -> str:
        answer = self._outside.exchange(case)
        if not answer:
            return "hung up"
        head, blank, _ = answer.partition(b"\r\n\r\n")
        status = int(head.split(b" ", 2)[1])
        is_known = status in bodies.ALLOWED | {101, 401}
        if not blank or not is_known or b" 500 Internal" in answer:
            raise Finding(f"the answer is {answer[:600]!r}")
        return f"{status}"


FRAMING = (
    *(
        b"\r\n",
        b"\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n",
        b"Content-Length: 0\r\n",
        b"Content-Length: -1\r\n",
    ),
    *(
        b"Content-Length: 99999999999999999999\r\n",
        b"Expect: 100-continue\r\n",
        b"ffffffff\r\n",
        b"0\r\n\r\n",
    ),
    *(
        b"Connection: close\r\n",
        b"Connection: Upgrade\r\nUpgrade: websocket\r\n",
        b"Host: a\r\n",
        b" HTTP/1.0",
        b"\0",
    ),
)


def http_request(case: bytes) -> bytes:
    """A case of `fuzz.bodies` as it is sent by a client that is done after it."""
    method, target, headers, body = bodies.parts_of(case)
    head = {
        "Host": "localhost",
        "Connection": "close",
        "Content-Type": "application/json",
        "Content-Length": str(len(body)),
        **AUTHORIZATION,
        **headers,
    }
    lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in head.items()), "", ""]
    return "\r\n".join(lines).encode("latin-1") + body


def chunked(body: bytes, dice: random.Random) -> bytes:
    """The body in chunks, sometimes in wrong ones."""
    sent = b""
    while body:
        size = dice.randint(1, len(body))
        stated = size if dice.random() < 0.95 else dice.choice((0, size - 1, size + 1, 2**31, 2**64))
        sent += b"%x\r\n" % stated + body[:size] + b"\r\n"
        body = body[size:]
    return sent + dice.choice((b"0\r\n\r\n", b"0\r\n\r\n", b"", b"0\r\nA: b\r\n\r\n", b"x\r\n"))


class Sockets(_Live):
    """Bytes into real sockets of /ws."""

    name = "sockets"

    def __init__(self, outside: Outside) -> None:
        super().__init__(outside)
        self._messages = messages.Messages()

    def seeds(self) -> list[bytes]:
        return self._messages.seeds()

    def case(self, source: bytes, dice: random.Random) -> bytes:
        return self._messages.case(source, dice)

    def _run(self, case: bytes) -> str:
        key = base64.b64encode(os.urandom(16)).decode()
        headers = {**messages.HANDSHAKE, **AUTHORIZATION, "Host": "localhost", "Sec-WebSocket-Key": key}
        lines = ["GET /ws HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
        answer = self._outside.exchange("\r\n".join(lines).encode() + case)
        head, _, rest = answer.partition(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 101 "):
            raise Finding(f"the handshake's answer is {answer[:300]!r}")
        return messages.outcome_of(messages.frames_of(rest))


class Reloads(Target):
    """Broken policy files in the place of the good one, some with a reload: its keys stay in force."""

    name = "reloads"
    now_s = staticmethod(time.monotonic)
    hang_s = 60.0

    def __init__(self, outside: Outside) -> None:
        self._outside = outside
        self._policies = Policies()
        self._cases = 0

    def seeds(self) -> list[bytes]:
        return self._policies.seeds()

    def case(self, source: bytes, dice: random.Random) -> bytes:
        while not is_refused(case := self._policies.case(source, dice)):
            pass
        return case

    def run(self, case: bytes) -> str:
        outside, self._cases = self._outside, self._cases + 1
        outside.policy.write_bytes(case)
        wait_until(lambda: self._state()["state"] == "stale")
        if self._cases % RELOAD_EVERY == 0:
            self._reload()
        outside.require_good_answer()
        if self._state()["keys"] != 1:
            raise Finding(f"the keys in force are {self._state()}")
        if self._cases % RELOAD_EVERY == 0:
            outside.write_policy(f"fuzz-{self._cases}")
            wait_until(lambda: self._state()["state"] == "ok")
            outside.require_good_answer()
        return "the keys stay"

    def _reload(self) -> None:
        """A HUP of the master, and a new worker that has begun."""
        before = set(self._outside.workers())
        self._outside.gateway.signal(signal.SIGHUP)
        wait_until(lambda: set(self._outside.workers()) - before)
        wait_until(lambda: self._state()["state"] == "stale")

    def _state(self) -> dict[str, object]:
        state: dict[str, object] = self._outside.gateway.get("/health")["policy"]
        return state


def is_refused(text: bytes) -> bool:
    """Whether a policy file is broken."""
    try:
        parse_policy(text.decode(), "policy.yaml")
    except (ConfigurationError, UnicodeDecodeError):
        return True
    return False
