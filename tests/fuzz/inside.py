"""The whole gateway in this process, in front of the whole simulator, with no socket between them."""

import io
import logging
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fuzz.campaign import Finding
from simulator.simulated_wire import INIT_CONNECT

from gateway.audit import AuditLog
from gateway.clock import ManualClock
from gateway.feed.hub import Hub
from gateway.ledger.lease import Lease
from gateway.ledger.sqlite import SqliteLedger
from gateway.opend.client import ClientStatus
from gateway.opend.errors import NotSent
from gateway.opend.frame import FrameReader, body_sha1, encode_frame
from gateway.opend.pool import PoolCounters
from gateway.opend.protocol import parse_response
from gateway.schema.codec import Codec
from gateway.schema.protocols import PROTOCOLS
from gateway.settings import Settings
from gateway.simulator.assembly import Settings as SimulatorSettings
from gateway.simulator.assembly import assemble
from gateway.trading.desk import Desk
from gateway.web.app import Parts, create_app, make_subscriptions
from gateway.web.ledger_watch import LedgerHealth, watched
from gateway.web.login_watch import LoginWatch

START_S = 1_795_386_058.0
MAX_REPLY_BYTES = 64 * 1024 * 1024
HOST = "localhost:22222"


class SimulatedClient:
    """Stands for `gateway.opend.client.Client`; each call is answered by the simulator at once."""

    def __init__(self, simulation: Any) -> None:
        self.on_session = self.on_push = self.on_call = None
        self._opend = simulation.opend
        self._reader = FrameReader(MAX_REPLY_BYTES)
        self._serial = self._packet_serial = 0
        self._session = self._opend.connect(self)
        self._conn_id = self._ask(1001, PROTOCOLS[1001].request(c2s=INIT_CONNECT)).s2c.connID

    def write(self, data: bytes, delay_s: float = 0.0) -> None:
        """The simulator's way to this client."""
        self._reader.receive(data)

    def close(self) -> None:
        """The simulator's end of the connection, which nothing here may bring about."""
        raise Finding("the simulator dropped the connection")

    abort = close

    def call(self, protocol, request, *, fence=None, **_):
        if fence and (reason := fence()):
            raise NotSent(reason)
        if "packetID" in request.c2s.DESCRIPTOR.fields_by_name:
            self._packet_serial += 1
            request.c2s.packetID.connID, request.c2s.packetID.serialNo = self._conn_id, self._packet_serial
        return self._ask(protocol.proto_id, request)

    def wait_ready(self, timeout_s: float) -> bool:
        return True

    def status(self) -> ClientStatus:
        return ClientStatus((), 0, 0, PoolCounters(), {}, False)

    def _ask(self, proto_id: int, request: Any) -> Any:
        self._serial += 1
        body = request.SerializeToString()
        frame = encode_frame(proto_id, self._serial, body, sha1=body_sha1(body))
        self._opend.receive(self._session, frame)
        while self._opend.answer(self._session):
            pass
        while (answer := self._reader.next_frame()) is not None:
            if answer.serial == self._serial:
                return parse_response(PROTOCOLS[proto_id], answer.body)
        raise Finding(f"the simulator did not answer protocol {proto_id}")


class Defects(logging.Handler):
    """What was logged as an error: a defect, whatever the caller was told."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        text = record.getMessage()
        if record.exc_info:
            text += "\n" + logging.Formatter().formatException(record.exc_info)[-1500:]
        self.texts.append(text)

    def require_none(self) -> None:
        """Raises Finding for what was logged since the last call."""
        texts, self.texts = self.texts, []
        if texts:
            raise Finding("logged as an error: " + "\n".join(texts))


class Inside:
    """A gateway in mode local with the embedded simulator behind it, so with every scope."""

    def __init__(self) -> None:
        directory = Path(tempfile.mkdtemp(prefix="fuzz-"))
        settings = Settings()
        self.clock = ManualClock(wall=START_S)
        self.simulation = assemble(self.clock, SimulatorSettings(seed=1, frequency_limits=False))
        client = SimulatedClient(self.simulation)
        self.ledger = SqliteLedger(directory / "ledger.db", self.clock)
        health = LedgerHealth(self.clock)
        store = watched(self.ledger, health)
        lease = Lease(store, self.clock)
        lease.lease_id = "fuzz"
        lease.renew()
        self.audit = AuditLog(directory / "audit.jsonl", self.clock)
        self.hub = Hub(Codec(settings.api.trd_env_numbering), self.clock)
        parts = Parts(
            clock=self.clock,
            client=client,
            ledger=store,
            ledger_health=health,
            lease=lease,
            login_watch=LoginWatch(client, self.clock),
            audit=self.audit,
            desk=Desk(client, store, self.audit, self.clock, lease=lease),
            subscriptions=make_subscriptions(settings, client, store, self.clock, None, lease),
            hub=self.hub,
            policy_watch=None,
        )
        self.hub.open(lambda: True)
        self.app: Callable[..., Any] = create_app(settings, parts).wsgi_app
        self.defects = Defects()
        logging.getLogger("gateway").addHandler(self.defects)

    def request(
        self, method: str, target: str, headers: dict[str, str], body: bytes
    ) -> tuple[int, dict, bytes]:
        """One request through the WSGI application: status, headers and body of the answer."""
        path, _, query = target.partition("?")
        environ = {
            "REQUEST_METHOD": method,
            "SCRIPT_NAME": "",
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "SERVER_NAME": "localhost",
            "SERVER_PORT": "22222",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "REMOTE_ADDR": "127.0.0.1",
            "HTTP_HOST": HOST,
            "CONTENT_TYPE": "application/json",
            "CONTENT_LENGTH": str(len(body)),
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "http",
            "wsgi.input": io.BytesIO(body),
            "wsgi.errors": io.StringIO(),
            "wsgi.multithread": True,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
            **{"HTTP_" + name.upper().replace("-", "_"): value for name, value in headers.items()},
        }
        answer: dict[str, Any] = {}

        def start_response(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
            answer.update(status=int(status[:3]), headers=dict(headers))

        content = b"".join(self.app(environ, start_response))
        return answer["status"], answer["headers"], content

    def close(self) -> None:
        logging.getLogger("gateway").removeHandler(self.defects)
        self.hub.close()
        self.ledger.close()
        self.audit.close()
