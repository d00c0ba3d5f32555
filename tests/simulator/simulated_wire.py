"""A client of the simulated OpenD without sockets, and the smallest parts that it can be made of."""

from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

from gateway.clock import ManualClock
from gateway.opend.crypto import BodyCipher, PlainCipher, RsaCipher
from gateway.opend.frame import Frame, FrameReader, body_sha1, encode_frame
from gateway.schema.protocols import PROTOCOLS
from gateway.simulator.delays import Delays
from gateway.simulator.faults import FaultPlan
from gateway.simulator.frequency import FrequencyLimiter
from gateway.simulator.model import Instrument, Refusal, SecurityKey, SecurityType
from gateway.simulator.opend import SimulatedOpenD
from gateway.simulator.pushes import Pushes, QuotePump
from gateway.simulator.session import Session
from gateway.simulator.subscription_handlers import SubscriptionGuard, SubscriptionHandlers
from gateway.simulator.subscriptions import PushTarget, Quota, Subscriptions
from gateway.simulator.system import Logins, SystemHandlers

TENCENT = SecurityKey(1, "00700")
CHEUNG_KONG = SecurityKey(1, "00001")
CALL_OPTION = SecurityKey(1, "TCH260330C500000")
PUT_OPTION = SecurityKey(1, "TCH260330P500000")

INIT_CONNECT = {"clientVer": 300, "clientID": "test", "recvNotify": True, "packetEncAlgo": -1}


def _instrument(key: SecurityKey, owner: SecurityKey | None = None) -> Instrument:
    return Instrument(
        key=key,
        stock_id=1,
        name=key.code,
        security_type=SecurityType.OPTION if owner else SecurityType.EQUITY,
        lot_size=100,
        currency="HKD",
        list_date=date(2004, 6, 16),
        exchange=1,
        base_price=Decimal(400),
        owner=owner,
    )


INSTRUMENTS = {
    TENCENT: _instrument(TENCENT),
    CHEUNG_KONG: _instrument(CHEUNG_KONG),
    CALL_OPTION: _instrument(CALL_OPTION, TENCENT),
    PUT_OPTION: _instrument(PUT_OPTION, TENCENT),
}


class OpenMarket:
    """A market that has states and nothing else."""

    def state(self, market: int) -> int:
        return 3


class IdleDesk:
    """A broker without orders; it counts how often it was told to match, and whether it is locked."""

    def __init__(self) -> None:
        self.advanced = 0
        self.locked = False

    def advance(self) -> None:
        self.advanced += 1

    def lock(self) -> None:
        self.locked = True


@dataclass
class Event:
    proto_id: int
    s2c: dict[str, Any]


def basic_event(target: PushTarget, mark: float) -> Event:
    """A quote push whose volume tells which moment it is about."""
    key = target.subscription.security
    quote = {
        "security": key._asdict(),
        "isSuspended": False,
        "listTime": "2004-06-16",
        "priceSpread": 0.2,
        "updateTime": "",
        "volume": int(mark),
    }
    prices = ("highPrice", "openPrice", "lowPrice", "curPrice", "lastClosePrice")
    ratios = ("turnover", "turnoverRate", "amplitude")
    return Event(3005, {"basicQotList": [quote | dict.fromkeys(prices + ratios, 1.0)]})


@dataclass
class Bench:
    """A simulated OpenD of the smallest parts. `handlers` may be changed before clients connect."""

    clock: ManualClock = field(default_factory=lambda: ManualClock(wall=1_700_000_000.0))
    quota: Quota = field(default_factory=Quota)
    rsa: RsaCipher | None = None
    frequency: FrequencyLimiter | None = None
    trading_allowed: bool = True
    handlers: dict[int, Any] = field(default_factory=dict)
    expired: set[SecurityKey] = field(default_factory=set)

    def find(self, key: SecurityKey) -> Instrument:
        if key not in INSTRUMENTS or key in self.expired:
            raise Refusal("未知股票")
        return INSTRUMENTS[key]

    def due(self, target: PushTarget, since_s: float, now_s: float) -> list[Event]:
        self.find(target.subscription.security)
        return [basic_event(target, now_s - since_s)]

    def __post_init__(self) -> None:
        delays = Delays()
        self.desk = IdleDesk()
        self.pushes = Pushes(self.clock, delays)
        self.subscriptions = Subscriptions(self.find, self.quota)
        pump = QuotePump(
            self.due,
            lambda target: [basic_event(target, 0)],
            self.subscriptions,
            self.pushes,
            self.clock,
            delays,
        )
        self.opend = SimulatedOpenD(
            handlers={
                3004: lambda call: {"basicQotList": []},
                2202: lambda call: {"header": call.c2s.header, "orderID": call.c2s.packetID.serialNo},
                2205: lambda call: {"header": call.c2s.header, "orderID": call.c2s.orderID},
                2001: lambda call: {"accList": []},
                **SubscriptionHandlers(self.subscriptions, pump.want_first_push).table(),
                **SystemHandlers(OpenMarket(), delays, self.quota, Logins()).table(),
                **self.handlers,
            },
            clock=self.clock,
            subscriptions=self.subscriptions,
            guard=SubscriptionGuard(self.subscriptions, self.find),
            pushes=self.pushes,
            pump=pump,
            desk=self.desk,
            delays=delays,
            faults=FaultPlan(),
            rsa=self.rsa,
            frequency=self.frequency,
            trading_allowed=self.trading_allowed,
        )

    def client(self) -> "WireClient":
        return WireClient(self.opend)

    def ready_client(self, **changes: Any) -> "WireClient":
        client = self.client()
        client.init_connect(**changes)
        return client


class WireClient:
    """Asks the simulated OpenD in bytes and reads its bytes; also its outlet."""

    def __init__(self, opend: SimulatedOpenD) -> None:
        self.is_open = True
        self.sent = bytearray()
        self.delayed: list[tuple[float, bytes]] = []
        self.cipher: BodyCipher = PlainCipher()
        self.conn_id = 0
        self._opend = opend
        self._serial = 0
        self._read_to = 0
        self.session: Session | None = opend.connect(self)

    def write(self, data: bytes, delay_s: float = 0.0) -> None:
        if delay_s:
            self.delayed.append((delay_s, data))
        else:
            self.sent += data

    def close(self) -> None:
        self.is_open = False

    def abort(self) -> None:
        self.is_open = False

    def send(self, data: bytes) -> None:
        assert self.session is not None
        self._opend.receive(self.session, data)
        while self._opend.answer(self.session):
            pass

    def disconnect(self) -> None:
        assert self.session is not None
        self._opend.disconnect(self.session)

    def frames(self) -> list[Frame]:
        """The frames that came since the last look."""
        reader = FrameReader(max_body_bytes=1 << 20)
        frames = reader.feed(bytes(self.sent[self._read_to :]))
        assert reader.is_between_frames
        self._read_to = len(self.sent)
        return frames

    def request_bytes(self, proto_id: int, c2s: dict[str, Any], *, serial: int | None = None) -> bytes:
        self._serial += 1
        body = PROTOCOLS[proto_id].request(c2s=c2s).SerializeToString()
        wire_body = self.cipher.encrypt(body)
        serial = self._serial if serial is None else serial
        return encode_frame(proto_id, serial, wire_body, sha1=body_sha1(body))

    def ask(self, proto_id: int, **c2s: Any) -> Any:
        """The reply to a request; pushes that came before it are lost."""
        self.send(self.request_bytes(proto_id, c2s))
        (frame,) = [frame for frame in self.frames() if frame.serial == self._serial]
        assert frame.proto_id == proto_id
        return self.decode(frame)

    def decode(self, frame: Frame) -> Any:
        plain = self.cipher.decrypt(frame.body)
        assert body_sha1(plain) == frame.sha1
        return PROTOCOLS[frame.proto_id].response.FromString(plain)

    def pushed(self) -> list[Any]:
        """The pushes that came since the last look, decoded."""
        frames = self.frames()
        assert all(frame.serial == 0 for frame in frames)
        return [self.decode(frame) for frame in frames]

    def init_connect(self, **changes: Any) -> Any:
        reply = self.ask(1001, **INIT_CONNECT | changes)
        self.conn_id = reply.s2c.connID
        return reply


def securities(*keys: SecurityKey) -> list[dict[str, Any]]:
    return [key._asdict() for key in keys]
