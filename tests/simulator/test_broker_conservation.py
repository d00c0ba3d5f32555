"""Whatever is ordered: nothing is made from nothing, lost, or done twice."""

from collections import Counter, defaultdict
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from fix_broker import EVER, PAPER_US, REAL_A, REAL_HK, UNIVERSAL, UNIVERSAL_US, Desk
from fix_market import APPLE, CK_HUTCHISON, MOUTAI, TENCENT
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.simulator.broker.account import Account
from gateway.simulator.broker.enums import Currency, TrdAccType
from gateway.simulator.broker.fee import fee_of
from gateway.simulator.broker.number import ZERO
from gateway.simulator.broker.order import FINAL, TRANSITIONS
from gateway.simulator.model import Refusal, SecurityKey

_PLACES = [
    (REAL_HK, TENCENT, 1),
    (REAL_HK, CK_HUTCHISON, 1),
    (UNIVERSAL, TENCENT, 1),
    (UNIVERSAL_US, APPLE, 2),
    (PAPER_US, APPLE, 2),
    (REAL_A, MOUTAI, 31),
]
_TICKS_OFF = st.integers(-15, 15)

_place = st.tuples(
    st.just("place"),
    st.sampled_from(_PLACES),
    st.sampled_from([1] * 6 + [2] * 6 + [3, 4]),
    st.sampled_from([1] * 10 + [2, 2, 8, 9, 10, 11, 13]),
    st.integers(1, 8),
    _TICKS_OFF,
)
_change = st.tuples(
    st.just("change"), st.integers(0, 20), st.sampled_from([1, 2, 3, 4, 5]), st.integers(1, 8), _TICKS_OFF
)
_book = st.tuples(
    st.just("book"), st.sampled_from([place[1] for place in _PLACES]), _TICKS_OFF, st.integers(0, 6)
)
_time = st.tuples(st.just("time"), st.sampled_from([0.01, 0.06, 0.06, 0.06, 3600.0, 86400.0]))
_steps = st.lists(st.one_of(_place, _place, _place, _change, _book, _time), min_size=20, max_size=60)


class _World:
    """A desk and what a bystander can reckon from the journal alone."""

    def __init__(self) -> None:
        self.desk = Desk()
        self.desk.unlock()
        self.placed: list[tuple[Mapping[str, int], str]] = []
        self.start_cash = {
            account.profile.acc_id: dict(account.cash) for account in self.desk.broker.accounts
        }
        self.start_qty = {
            (account.profile.acc_id, key): position.qty
            for account in self.desk.broker.accounts
            for key, position in account.positions.items()
        }

    def price(self, key: SecurityKey, ticks_off: int) -> Decimal:
        last = self.desk.market.last[key]
        return last + ticks_off * self.desk.market.price_tick(key, last)

    def run(self, step: tuple[Any, ...]) -> None:
        action, *arguments = step
        try:
            getattr(self, f"_{action}")(*arguments)
        except Refusal:
            return

    def _place(
        self,
        place: tuple[Mapping[str, int], SecurityKey, int],
        side: int,
        order_type: int,
        lots: int,
        ticks_off: int,
    ) -> None:
        header, key, sec_market = place
        order_id_ex = self.desk.place(
            header,
            code=key.code,
            secMarket=sec_market,
            trdSide=side,
            orderType=order_type,
            qty=lots * self.desk.market.find(key).lot_size,
            price=float(self.price(key, ticks_off)),
            auxPrice=float(self.price(key, -ticks_off)),
        )
        self.placed.append((header, order_id_ex))

    def _change(self, index: int, op: int, lots: int, ticks_off: int) -> None:
        if not self.placed:
            return
        header, order_id_ex = self.placed[index % len(self.placed)]
        key = self._order(header, order_id_ex).key
        qty = lots * self.desk.market.find(key).lot_size
        self.desk.modify(order_id_ex, op, header, qty=qty, price=float(self.price(key, ticks_off)))

    def _book(self, key: SecurityKey, ticks_off: int, lots: int) -> None:
        volume = lots * self.desk.market.find(key).lot_size
        middle = self.price(key, ticks_off)
        tick = self.desk.market.price_tick(key, middle)
        bids = [(middle - tick * depth, volume) for depth in (1, 2)]
        asks = [(middle + tick * depth, volume) for depth in (1, 2)]
        self.desk.market.last[key] = middle
        self.desk.market.set_book(key, bids, asks)
        self.desk.broker.advance()

    def _time(self, seconds: float) -> None:
        self.desk.settle(seconds)

    def _account(self, acc_id: int) -> Account:
        return next(account for account in self.desk.broker.accounts if account.profile.acc_id == acc_id)

    def _order(self, header: Mapping[str, int], order_id_ex: str) -> Any:
        return self._account(header["accID"]).find_order(0, order_id_ex)

    def check(self) -> None:
        fills = [entry for entry in self.desk.journal.entries if entry["event"] == "filled"]
        assert max(Counter(entry["fill_id"] for entry in fills).values(), default=1) == 1
        for account in self.desk.broker.accounts:
            mine = [entry for entry in fills if entry["acc_id"] == account.profile.acc_id]
            self._check_cash(account, mine)
            self._check_holdings(account, mine)
            self._check_reserves(account)
        self._check_orders()

    def _check_cash(self, account: Account, fills: list[Mapping[str, Any]]) -> None:
        expected = defaultdict(lambda: ZERO, self.start_cash[account.profile.acc_id])
        for entry in fills:
            signed = 1 if entry["side"] in (1, 4) else -1
            currency = {1: Currency.HKD, 2: Currency.USD, 31: Currency.CNH}[entry["sec_market"]]
            expected[currency] -= signed * Decimal(str(entry["fill_qty"])) * Decimal(str(entry["fill_price"]))
        for order_id_ex in {entry["order_id_ex"] for entry in fills}:
            order = account.find_order(0, order_id_ex)
            if account.profile.env:
                fee = fee_of(order.rules.real_market, order.side, order.filled_qty, order.filled_value)
                expected[order.rules.currency] -= fee
        assert dict(expected) == account.cash

    def _check_holdings(self, account: Account, fills: list[Mapping[str, Any]]) -> None:
        traded: defaultdict[str, Decimal] = defaultdict(lambda: ZERO)
        for entry in fills:
            traded[entry["code"]] += Decimal(str(entry["fill_qty"])) * (1 if entry["side"] in (1, 4) else -1)
        for key, position in account.positions.items():
            start = self.start_qty.get((account.profile.acc_id, key), ZERO)
            assert position.qty == start + traded[key.code]
            if account.profile.acc_type is TrdAccType.CASH:
                assert position.qty >= 0

    def _check_reserves(self, account: Account) -> None:
        for currency, cash in account.cash.items():
            frozen = account.frozen_cash(currency)
            assert frozen >= 0
            if account.profile.acc_type is TrdAccType.CASH:
                assert frozen <= cash
        if all(order.status in FINAL for order in account.orders.values()):
            assert sum(account.frozen_cash(currency) for currency in account.cash) == 0

    def _check_orders(self) -> None:
        for header, order_id_ex in self.placed:
            order = self._order(header, order_id_ex)
            entries = [e for e in self.desk.journal.entries if e["order_id_ex"] == order_id_ex]
            assert [entry["event"] for entry in entries].count("placed") == 1
            assert sum(entry.get("fill_qty", 0) for entry in entries) == float(order.filled_qty)
            assert ZERO <= order.filled_qty <= order.qty
            for fill in order.fills:
                if order.order_type == 1 and "modified" not in {entry["event"] for entry in entries}:
                    assert fill.price <= order.limit if order.side.is_buy else fill.price >= order.limit
        self._check_pushes()

    def _check_pushes(self) -> None:
        seen: dict[int, int] = {}
        for proto_id, s2c in self.desk.pushes:
            if proto_id == 2208:
                order = s2c["order"]
                before = seen.get(order["orderID"], 0)
                assert order["orderStatus"] == before or order["orderStatus"] in TRANSITIONS[before]
                seen[order["orderID"]] = order["orderStatus"]


@settings(max_examples=150, deadline=None)
@given(_steps)
def test_random_orders_conserve_money_and_shares(steps):
    world = _World()
    for step in steps:
        world.run(step)
        world.check()
    for header in (REAL_HK, UNIVERSAL, PAPER_US, REAL_A):
        world.desk.funds(header)
        world.desk.call(2102, header=header)
        world.desk.call(2221, header=header, filterConditions=EVER)
