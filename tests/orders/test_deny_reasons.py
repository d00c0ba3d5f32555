"""Each reason to deny an order, by a real call: status, text, Retry-After, and the metric that counts it."""

import re
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from fix_floor import Floor

from gateway.ledger.base import CallCharge, Charge, IntentState, Step, TradingState
from gateway.order import Environment, Intent, IntentKind, Side
from gateway.policy.reasons import DenyReason
from gateway.simulator.session import LOGIN_USER_ID

SNAPSHOT, PLACE_ORDER = 3203, 2202
SNAPSHOT_LIMITS = {"kind": "bad-body", "proto": SNAPSHOT, "times": 0}


def window_in_two_hours() -> str:
    begin = datetime.now(UTC) + timedelta(hours=2)
    return f"{begin:%H:%M}-{begin + timedelta(hours=1):%H:%M} UTC"


FROM_AHEAD = Intent(
    intent_id="0" * 26,
    key_id="free",
    request_id="from-ahead",
    kind=IntentKind.PLACE,
    environment=Environment.SIMULATE,
    acc_id=987654,
    market="HK",
    symbol="HK.06998",
    side=Side.BUY,
    quantity=Decimal(500),
    price=Decimal(2),
    remark="",
)

KEYS: dict[str, dict[str, Any]] = {
    "watcher": {},
    "halted": {},
    "reducing": {},
    "account": {"allowed_acc_ids": [987655]},
    "market": {"allowed_markets": ["US"]},
    "symbol": {"allowed_symbols": ["HK.00700"]},
    "side": {"allowed_trd_sides": ["SELL"]},
    "hours": {"hours_window": window_in_two_hours()},
    "value": {"max_order_value": {"HKD": 999}},
    "collar": {"max_price_deviation": 5},
    "duplicate": {"duplicate_window": 60},
    "rate": {"max_orders_per_minute": 1},
    "daily": {"max_daily_value": {"HKD": 1500}},
    "free": {},
}


@pytest.fixture(scope="module")
def floor(open_floor):
    return open_floor(KEYS, frequency_limits=True)


Circumstance = Callable[[Floor], Any]


def _usual(floor: Floor) -> Any:
    return nullcontext()


@contextmanager
def without_quotes(floor: Floor) -> Iterator[None]:
    floor.opend.fault(**SNAPSHOT_LIMITS)
    yield
    floor.opend.admin("clear-faults")


@contextmanager
def after_an_order(floor: Floor, key: str) -> Iterator[None]:
    assert floor.order(key).status == 200
    yield


@contextmanager
def switched(floor: Floor, state: TradingState, key: str) -> Iterator[None]:
    floor.set_trading(state, key)
    yield


@contextmanager
def clock_behind(floor: Floor) -> Iterator[None]:
    """Another machine, whose clock is a minute ahead, has taken an order of the same key."""
    ahead_s = time.time() + 60
    with floor.ledger() as ledger:
        ledger.reserve(FROM_AHEAD, Charge(), ahead_s)
        ledger.advance(FROM_AHEAD.intent_id, Step(state=IntentState.ABANDONED), ahead_s)
        yield
        ledger.reset_clock(time.time())


@contextmanager
def opend_full(floor: Floor) -> Iterator[None]:
    """Another worker was told by OpenD that it takes no more orders of the account."""
    orders = CallCharge(f"{LOGIN_USER_ID}:{PLACE_ORDER}:{FROM_AHEAD.acc_id}", 15, 30)
    with floor.ledger() as ledger:
        ledger.fill_calls(orders, time.time())
        yield


@contextmanager
def store_locked(floor: Floor) -> Iterator[None]:
    other = sqlite3.connect(floor.ledger_file, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    yield
    other.execute("ROLLBACK")
    other.close()


@dataclass(frozen=True)
class Case:
    """An order that is denied. `text` is a pattern, `retry_after_s` the range that the header may have."""

    key: str
    text: str
    order: dict[str, Any] = field(default_factory=dict)
    circumstance: Circumstance = _usual
    retry_after_s: tuple[int, int] | None = None


LIMIT = "limit check failed: "

CASES = {
    DenyReason.HALTED: Case(
        "halted",
        LIMIT + "trading is halted",
        circumstance=lambda floor: switched(floor, TradingState.HALTED, "halted"),
    ),
    DenyReason.REDUCING: Case(
        "reducing",
        LIMIT + "trading is reducing: only orders that reduce a position pass",
        circumstance=lambda floor: switched(floor, TradingState.REDUCING, "reducing"),
    ),
    DenyReason.ACCOUNT: Case("account", "this account is not allowed"),
    DenyReason.MARKET: Case("market", LIMIT + "market not allowed: HK"),
    DenyReason.SYMBOL: Case("symbol", LIMIT + r"symbol not allowed: HK\.06998"),
    DenyReason.SIDE: Case("side", LIMIT + "side not allowed: BUY"),
    DenyReason.HOURS: Case(
        "hours",
        LIMIT + r"outside trading hours: .+ \(\d\d:\d\d-\d\d:\d\d UTC\)",
        retry_after_s=(3600, 7200),
    ),
    DenyReason.VALUE_UNKNOWN: Case(
        "value",
        LIMIT + r"order value unknown: no usable quote for HK\.06998",
        {"order_type": "MARKET"},
        without_quotes,
    ),
    DenyReason.ORDER_VALUE: Case("value", LIMIT + r"order value exceeded: 1000 HKD \(cap 999\)"),
    DenyReason.PRICE_UNKNOWN: Case(
        "collar", LIMIT + r"price deviation unknown: no last price for HK\.06998", circumstance=without_quotes
    ),
    DenyReason.PRICE_DEVIATION: Case(
        "collar",
        LIMIT + r"price deviation exceeded: [0-9.]+% from the last price [0-9.]+ \(cap 5%\)",
    ),
    DenyReason.CLOCK: Case(
        "free",
        LIMIT + r"clock is behind the ledger: (60|5\d)(\.\d+)?s \(cap 5s\)",
        circumstance=clock_behind,
        retry_after_s=(45, 60),
    ),
    DenyReason.DUPLICATE: Case(
        "duplicate",
        LIMIT + r"duplicate order: the same [0-9.]+s ago \(window 60s\)",
        circumstance=lambda floor: after_an_order(floor, "duplicate"),
        retry_after_s=(50, 60),
    ),
    DenyReason.RATE: Case(
        "rate",
        LIMIT + r"rate limit exceeded: 1 orders in the last 60s \(cap 1\)",
        circumstance=lambda floor: after_an_order(floor, "rate"),
        retry_after_s=(50, 60),
    ),
    DenyReason.DAILY_VALUE: Case(
        "daily",
        LIMIT + r"daily value exceeded: 2000 HKD today \(cap 1500\)",
        circumstance=lambda floor: after_an_order(floor, "daily"),
        retry_after_s=(1, 86400),
    ),
    DenyReason.FREQUENCY: Case(
        "free",
        LIMIT + r"OpenD's frequency limit exceeded: 15 calls in the last 30s \(cap 15, 0\.02s apart\)",
        circumstance=opend_full,
        retry_after_s=(1, 31),
    ),
    DenyReason.STORE_UNAVAILABLE: Case(
        "free", LIMIT + "the ledger cannot be asked: .+", circumstance=store_locked
    ),
}


def denials(floor: Floor) -> dict[str, float]:
    """The counter of denied orders, by its label."""
    _, text = floor.gateway.request("GET", "/metrics")
    counted = re.findall(rb'^gateway_order_denials_total\{reason="(\w+)"\} ([0-9.e+]+)$', text, re.MULTILINE)
    return {label.decode(): float(count) for label, count in counted}


def test_every_reason_has_a_case():
    assert list(CASES) == list(DenyReason)


@pytest.mark.parametrize("reason", CASES, ids=lambda reason: reason.label)
def test_denied_with_status_text_and_metric(floor, reason):
    case = CASES[reason]
    with case.circumstance(floor):
        before = denials(floor)
        told = floor.order(case.key, **case.order)
        after = denials(floor)
    assert told.status == reason.status
    assert re.fullmatch(case.text, told.error), told.error
    if case.retry_after_s is None:
        assert "Retry-After" not in told.headers
    else:
        shortest_s, longest_s = case.retry_after_s
        assert shortest_s <= int(told.headers["Retry-After"]) <= longest_s
    grown = {label: after[label] - before.get(label, 0) for label in after}
    assert {label: growth for label, growth in grown.items() if growth} == {reason.label: 1}


def test_denied_orders_are_in_the_audit_and_nowhere_else(floor):
    records = floor.assert_agreement()
    denied = [each for each in floor.told if each.status != 200]
    for told in denied:
        lines = [line for line in records.audit if line.get("request_id") == told.request_id]
        assert [line["kind"] for line in lines] in (["decision"], ["refusal"]), records.timeline(
            told.request_id
        )
        assert not records.placed(records.intents_of(told.request_id))
