"""Requests, OpenD's answers and principals for the way of an order; each test varies one thing."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from fix_store import connect
from scripted_client import ScriptedClient

from gateway.audit import AuditLog
from gateway.clock import ManualClock
from gateway.ledger.base import Ledger
from gateway.policy.model import Limits, Principal
from gateway.schema.protocols import protocol_named
from gateway.scope import Scope
from gateway.trading.context import WriteContext
from gateway.trading.desk import Desk
from gateway.trading.reconcile import Reconciler

PLACE = protocol_named("Trd_PlaceOrder")
MODIFY = protocol_named("Trd_ModifyOrder")
UNLOCK = protocol_named("Trd_UnlockTrade")

NOON = 1_767_268_800.0  # 2026-01-01T12:00:00Z
TIMEOUT_S = 10.0
ACC_ID = 987654
HEADER = {"trdEnv": 0, "accID": ACC_ID, "trdMarket": 1}
PACKET_ID = {"connID": 0, "serialNo": 0}
ORDER_ID = 4883217202603317248
ACCEPTED = {"s2c": {"header": HEADER, "orderID": ORDER_ID, "orderIDEx": "17418"}}
EQUITY, TRUST, INDEX, OPTION, FUTURE = 3, 4, 6, 8, 10


def place_request(**changes: Any) -> Any:
    """To buy 100 HK.00700 at 300; a field whose change is None is left out."""
    fields = {
        "packetID": PACKET_ID,
        "header": HEADER,
        "trdSide": 1,
        "orderType": 1,
        "code": "00700",
        "qty": 100.0,
        "price": 300.0,
        "secMarket": 1,
        **changes,
    }
    return PLACE.request(c2s={name: value for name, value in fields.items() if value is not None})


def modify_request(**changes: Any) -> Any:
    """To make an order one over 200 at 310; a field whose change is None is left out."""
    fields = {
        "packetID": PACKET_ID,
        "header": HEADER,
        "orderID": ORDER_ID,
        "modifyOrderOp": 1,
        "qty": 200.0,
        "price": 310.0,
        **changes,
    }
    return MODIFY.request(c2s={name: value for name, value in fields.items() if value is not None})


def order_row(**changes: Any) -> dict[str, Any]:
    """A `Trd_Common.Order` that rests: to buy 100 HK.00700 at 300."""
    fields = {
        "trdSide": 1,
        "orderType": 1,
        "orderStatus": 5,
        "orderID": ORDER_ID,
        "orderIDEx": "17418",
        "code": "00700",
        "name": "Tencent",
        "qty": 100.0,
        "price": 300.0,
        "createTime": "2026-01-01 20:00:00",
        "updateTime": "2026-01-01 20:00:00",
        "fillQty": 0.0,
        "secMarket": 1,
        "trdMarket": 1,
        "createTimestamp": NOON,
        **changes,
    }
    return {name: value for name, value in fields.items() if value is not None}


def order_list(*rows: dict[str, Any]) -> dict[str, Any]:
    """The answer of 2201 or 2221."""
    return {"s2c": {"header": HEADER, "orderList": rows}}


def position_list(*rows: dict[str, Any]) -> dict[str, Any]:
    """The answer of 2102. A row is what differs from 100 HK.00700 held long."""
    position = {
        "positionID": 1,
        "positionSide": 0,
        "code": "00700",
        "name": "Tencent",
        "qty": 100.0,
        "canSellQty": 100.0,
        "price": 300.0,
        "val": 30000.0,
        "plVal": 0.0,
        "secMarket": 1,
    }
    return {"s2c": {"header": HEADER, "positionList": [position | row for row in rows]}}


def static_info(security_type: int = EQUITY, code: str = "00700", market: int = 1) -> dict[str, Any]:
    """The answer of 3202."""
    basic = {
        "security": {"market": market, "code": code},
        "id": 1,
        "lotSize": 100,
        "secType": security_type,
        "name": code,
        "listTime": "2004-06-16",
    }
    return {"s2c": {"staticInfoList": [{"basic": basic}]}}


def snapshot(
    last: float = 300.0,
    security_type: int = EQUITY,
    code: str = "00700",
    market: int = 1,
    option: dict[str, Any] | None = None,
    **changes: Any,
) -> dict[str, Any]:
    """The answer of 3203; `option` are the figures of a contract."""
    zeros = (
        "priceSpread",
        "highPrice",
        "openPrice",
        "lowPrice",
        "lastClosePrice",
        "turnover",
        "turnoverRate",
    )
    basic = {
        **dict.fromkeys(zeros, 0.0),
        "security": {"market": market, "code": code},
        "type": security_type,
        "isSuspend": False,
        "listTime": "",
        "lotSize": 100,
        "updateTime": "",
        "curPrice": last,
        "volume": 0,
        **changes,
    }
    entry: dict[str, Any] = {"basic": basic}
    if option is not None:
        figures = ("impliedVolatility", "premium", "delta", "gamma", "vega", "theta", "rho", "strikePrice")
        owner = {"market": market, "code": "00700"}
        terms = {"type": 1, "owner": owner, "strikeTime": "", "contractSize": 0, "openInterest": 0}
        entry["optionExData"] = {**dict.fromkeys(figures, 0.0), **terms, **option}
    return {"s2c": {"snapshotList": [entry]}}


def global_state(time_s: float, *, trade_logined: bool = True) -> dict[str, Any]:
    """The answer of 1002."""
    markets = ("marketHK", "marketUS", "marketSH", "marketSZ", "marketHKFuture")
    state = {
        **dict.fromkeys(markets, 5),
        "qotLogined": True,
        "trdLogined": trade_logined,
        "serverVer": 1011,
        "serverBuildNo": 1,
        "time": int(time_s),
    }
    return {"s2c": state}


def principal(allowed_acc_ids: frozenset[int] | None = None, **limits: Any) -> Principal:
    """A key with these limits."""
    scopes = frozenset({Scope.TRADE_REAL})
    return Principal(key_id="bot", scopes=scopes, allowed_acc_ids=allowed_acc_ids, limits=Limits(**limits))


@dataclass
class Floor:
    """A desk and a reconciler over a scripted OpenD, a real ledger and a real audit.

    `line` is the way to OpenD; it, the ledger and the audit are `Faulty`.
    """

    opend: ScriptedClient
    line: Any
    ledger: Any
    audit: Any
    clock: ManualClock
    desk: Desk
    reconciler: Reconciler
    audit_file: Path
    key: Principal

    def context(self, key: Principal | None = None, **options: Any) -> WriteContext:
        """A new request's."""
        return WriteContext(
            principal=key or self.key,
            request_id="r-1",
            route="/api/order",
            **{"intent_id": self.desk.open_intent(), **options},
        )

    def place(self, key: Principal | None = None, **changes: Any) -> Any:
        """Place an order; what is no field of the request is one of the context."""
        options = {name: changes.pop(name) for name in ("is_dry_run", "is_meant") if name in changes}
        return self.desk.submit(PLACE, place_request(**changes), self.context(key, **options))

    def modify(self, key: Principal | None = None, **changes: Any) -> Any:
        """Change an order."""
        return self.desk.submit(MODIFY, modify_request(**changes), self.context(key))

    @property
    def record(self) -> Any:
        """The one intent of the ledger."""
        (record,) = self.ledger.intents_since(0)
        return record

    @property
    def writes(self) -> list[str]:
        """The trade writes that went to OpenD."""
        return [name for name in self.opend.names() if name in (PLACE.name, MODIFY.name, UNLOCK.name)]

    def lines(self) -> list[dict[str, Any]]:
        """The audit's lines but the one that every file begins with."""
        if not self.audit_file.exists():
            return []
        return [json.loads(line) for line in self.audit_file.read_text().splitlines()[1:]]

    def outcomes(self) -> list[str]:
        """What the audit says in the order of its lines: decision or outcome."""
        return [f"{line['kind']} {line.get('outcome') or line['decision']}" for line in self.lines()]


class Faulty:
    """Passes calls on to what it stands before, and raises before or after those that it is told.

    A step is a method's name, for an `advance` with the state, for a `write` with the kind of line,
    for a `call` with the protocol: `advance-sent`, `write-sending`, `call-Trd_PlaceOrder`.
    """

    def __init__(self, target: Any) -> None:
        self._target = target
        self._faults: dict[tuple[str, str], BaseException] = {}

    def fault(self, moment: str, step: str, error: BaseException) -> None:
        """Raise `error` each time a step is reached, `before` or `after` it is done."""
        self._faults[moment, step] = error

    def heal(self) -> None:
        """Raise nothing any more."""
        self._faults.clear()

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self._target, name)

        def call(*arguments: Any, **named: Any) -> Any:
            subject = _SUBJECTS.get(name)
            step = f"{name}-{subject(arguments)}" if subject else name
            self._strike("before", step)
            answer = method(*arguments, **named)
            self._strike("after", step)
            return answer

        return call

    def _strike(self, moment: str, step: str) -> None:
        if (moment, step) in self._faults:
            raise self._faults[moment, step]


_SUBJECTS: dict[str, Callable[[Any], str]] = {
    "advance": lambda arguments: arguments[1].state,
    "write": lambda arguments: arguments[0].kind,
    "call": lambda arguments: arguments[0].name,
}


def build_floor(directory: Path, ledger: Ledger, beside: "Floor | None" = None) -> Floor:
    """A floor whose parts may be made to fail; OpenD accepts every order. `beside` is another worker."""
    clock = beside.clock if beside else ManualClock(wall=NOON)
    client = beside.opend if beside else ScriptedClient()
    client.script(PLACE.name, ACCEPTED)
    client.script(MODIFY.name, ACCEPTED)
    store = Faulty(ledger)
    audit = Faulty(AuditLog(directory / "audit.jsonl", clock))
    line = Faulty(client)
    desk = Desk(line, store, audit, clock, timeout_s=TIMEOUT_S)
    reconciler = Reconciler(
        line,
        store,
        audit,
        clock,
        settlements=desk.settlements,
        clock_watch=desk.clock_watch,
        timeout_s=TIMEOUT_S,
    )
    return Floor(client, line, store, audit, clock, desk, reconciler, directory / "audit.jsonl", principal())


@pytest.fixture
def floor(tmp_path: Path) -> Iterator[Floor]:
    """A floor on SQLite."""
    ledger = connect(f"sqlite:{tmp_path / 'ledger.db'}")
    made = build_floor(tmp_path, ledger)
    yield made
    made.audit.close()
    ledger.close()


@pytest.fixture
def any_floor(tmp_path: Path, ledger: Ledger) -> Iterator[Floor]:
    """A floor on each kind of store."""
    made = build_floor(tmp_path, ledger)
    yield made
    made.audit.close()
