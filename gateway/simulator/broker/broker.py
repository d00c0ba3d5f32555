"""The broker: accounts, the way of their orders, and what it tells the world of them."""

import hmac
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from gateway.clock import Clock
from gateway.schema.trade import ModifyOrderOp, OrderStatus, OrderType, TrdEnv
from gateway.simulator.broker import refusals
from gateway.simulator.broker.account import Account
from gateway.simulator.broker.enums import TimeInForce
from gateway.simulator.broker.ids import IdSequence, fill_id_ex
from gateway.simulator.broker.matching import Matcher, Trade
from gateway.simulator.broker.modifying import check_operation, new_terms, operation
from gateway.simulator.broker.order import MODIFIABLE, Fill, Order
from gateway.simulator.broker.placing import new_order
from gateway.simulator.broker.power import check_power
from gateway.simulator.broker.seed import seed_accounts
from gateway.simulator.broker.stamp import local_time
from gateway.simulator.broker.view import fill_fields, journal_fields, order_fields
from gateway.simulator.journal import Journal, JournalEvent
from gateway.simulator.model import MarketView, PushSink, Refusal, SecurityKey

PASSWORD_MD5 = "e10adc3949ba59abbe56e057f20f883e"  # noqa: S105
"""The MD5 of the trade password 123456, as `Trd_UnlockTrade` carries it."""

EXCHANGE_DELAY_S = 0.05
"""How long the exchange takes to confirm a new order or a cancel."""

UPDATE_ORDER = 2208
UPDATE_ORDER_FILL = 2218

_S = OrderStatus
_CANCELLED = {
    _S.FILLED_PART: _S.CANCELLED_PART,
    _S.CANCELLING_PART: _S.CANCELLED_PART,
}
_IMMEDIATE = frozenset({OrderType.SPECIAL_LIMIT, OrderType.SPECIAL_LIMIT_ALL})


class Broker:
    """All accounts of one OpenD login.

    Nothing happens by itself: `advance` brings every order to the clock's time. Orders that the same clock
    and the same market meet end alike. `sink` gets the pushes 2208 and, for real accounts, 2218.
    """

    def __init__(
        self, market: MarketView, clock: Clock, journal: Journal, sink: PushSink | None = None
    ) -> None:
        self.market = market
        self.clock = clock
        self.journal = journal
        self._sink = sink
        self._ids = IdSequence(clock.wall_s())
        self._matcher = Matcher(market)
        self._is_unlocked = False
        self._reject_reason: str | None = None
        self._rolled_minute = 0.0
        accounts = seed_accounts(market, self._ids, clock.wall_s())
        self._accounts = {account.profile.acc_id: account for account in accounts}
        self._steps: Mapping[OrderStatus, Callable[[Account, Order, float], None]] = {
            _S.WAITING_SUBMIT: self._release,
            _S.SUBMITTING: self._confirm,
            _S.SUBMITTED: self._trade,
            _S.FILLED_PART: self._trade,
            _S.CANCELLING_PART: self._confirm_cancel,
            _S.CANCELLING_ALL: self._confirm_cancel,
        }

    @property
    def accounts(self) -> list[Account]:
        """All accounts; the first is the paper account for HK."""
        return list(self._accounts.values())

    @property
    def is_unlocked(self) -> bool:
        """Whether real orders are accepted, on every connection alike."""
        return self._is_unlocked

    def account(self, header: Any) -> Account:
        """The account of a `TrdHeader`, whatever of its markets the header names. Raises `Refusal`."""
        account = self._accounts.get(header.accID)
        if account is None:
            raise Refusal(refusals.NO_SUCH_ACCOUNT)
        if header.trdEnv != account.profile.env:
            raise Refusal(refusals.WRONG_ENVIRONMENT)
        if header.trdMarket not in account.profile.markets:
            raise Refusal(refusals.NO_AUTHORITY)
        return account

    def unlock(self, password_md5: str) -> bool:
        """Accept real orders from now on. Tells whether that is new. Raises `Refusal`."""
        if not hmac.compare_digest(password_md5.encode(), PASSWORD_MD5.encode()):
            raise Refusal(refusals.WRONG_PASSWORD)
        was_unlocked, self._is_unlocked = self._is_unlocked, True
        return not was_unlocked

    def lock(self) -> None:
        """Refuse real orders from now on."""
        self._is_unlocked = False

    def reject_next(self, reason: str) -> None:
        """Let the exchange reject the next order that is placed: it is accepted, then fails with `reason`."""
        self._reject_reason = reason

    def place(self, c2s: Any, conn_id: int) -> Order:
        """Accept the order of a `Trd_PlaceOrder.C2S`; it is in the order list at once. Raises `Refusal`."""
        account = self.account(c2s.header)
        self._check_unlocked(account)
        self.advance()
        now = self.clock.wall_s()
        order = new_order(account, c2s, self.market, self._ids, now)
        order.reject_reason, self._reject_reason = self._reject_reason, None
        account.add_order(order)
        self._record(JournalEvent.PLACED, order, conn_id=conn_id, serial=c2s.packetID.serialNo)
        self._submit(order, now)
        return order

    def modify(self, c2s: Any, conn_id: int) -> Order | None:
        """Do what a `Trd_ModifyOrder.C2S` asks; None when it was for all orders. Raises `Refusal`."""
        account = self.account(c2s.header)
        self._check_unlocked(account)
        self.advance()
        op = operation(c2s.modifyOrderOp)
        source = {"conn_id": conn_id, "serial": c2s.packetID.serialNo}
        if c2s.forAll:
            self._cancel_all(account, op, c2s.trdMarket, source)
            return None
        order = account.find_order(c2s.orderID, c2s.orderIDEx)
        check_operation(order, op)
        if op is ModifyOrderOp.NORMAL:
            self._change(account, order, c2s, source)
        elif op is ModifyOrderOp.ENABLE:
            self._enable(account, order, source)
        else:
            self._withdraw(order, op, source)
        return order

    def advance(self) -> None:
        """Bring every open order to the clock's time: confirmations, triggers, fills, expiry."""
        now = self.clock.wall_s()
        self._roll_days(now)
        for account, order in self._open_orders():
            if self._is_expired(order, now):
                self._expire(order, now)
                continue
            step = self._steps.get(order.status)
            if step is not None:
                step(account, order, now)

    def _open_orders(self) -> Iterator[tuple[Account, Order]]:
        pairs = [(account, order) for account in self.accounts for order in account.open_orders()]
        return iter(sorted(pairs, key=lambda pair: pair[1].order_id))

    def _roll_days(self, now: float) -> None:
        """Begin new days, and let derivatives lapse that are no longer listed.

        They lapse without value: nothing is exercised here. Local dates change on whole minutes.
        """
        minute = now // 60
        if minute == self._rolled_minute:
            return
        self._rolled_minute = minute
        for account in self.accounts:
            for key in account.roll_day(now):
                if not self._is_listed(key):
                    del account.positions[key]

    def _is_listed(self, key: SecurityKey) -> bool:
        try:
            self.market.find(key)
        except Refusal:
            return False
        return True

    def _check_unlocked(self, account: Account) -> None:
        if account.profile.env is TrdEnv.REAL and not self._is_unlocked:
            raise Refusal(refusals.LOCKED)

    # The way of an order, step by step.

    def _submit(self, order: Order, now: float) -> None:
        """Send to the exchange, or keep until it opens or the trigger is touched."""
        is_open = self.market.is_trading(order.key)
        if is_open and order.active_since is None:
            order.active_since = now
        is_ready = is_open and not order.is_waiting_for_trigger
        order.due_time = now + EXCHANGE_DELAY_S
        self._move(order, _S.SUBMITTING if is_ready else _S.WAITING_SUBMIT, now)

    def _release(self, account: Account, order: Order, now: float) -> None:
        if not self.market.is_trading(order.key):
            return
        if order.active_since is None:
            order.active_since = now
        if order.is_waiting_for_trigger:
            if not self._matcher.is_triggered(order):
                return
            order.is_triggered = True
        self._submit(order, now)

    def _confirm(self, account: Account, order: Order, now: float) -> None:
        if now < order.due_time:
            return
        if order.reject_reason is not None:
            order.last_error = order.reject_reason
            self._record(JournalEvent.REJECTED, order, reason=order.reject_reason)
            self._move(order, _S.FAILED, now)
            return
        self._move(order, _S.SUBMITTED, now)
        self._trade(account, order, now)

    def _trade(self, account: Account, order: Order, now: float) -> None:
        if not self.market.is_trading(order.key):
            return
        for trade in self._matcher.match(order):
            self._fill(account, order, trade, now)
        order.is_resting = True
        if order.order_type in _IMMEDIATE and order.status in MODIFIABLE:
            self._record(JournalEvent.CANCELLED, order)
            self._move(order, _CANCELLED.get(order.status, _S.CANCELLED_ALL), now)

    def _fill(self, account: Account, order: Order, trade: Trade, now: float) -> None:
        count = len(order.fills) + 1
        fill = Fill(
            self._ids.next_number(), fill_id_ex(order.order_id_ex, count), trade.qty, trade.price, now
        )
        order.add_fill(fill)
        account.settle(order, fill)
        self._record(
            JournalEvent.FILLED,
            order,
            fill_id=fill.fill_id,
            fill_id_ex=fill.fill_id_ex,
            fill_qty=float(fill.qty),
            fill_price=float(fill.price),
        )
        self._push(order, UPDATE_ORDER, {"order": order_fields(order)})
        if order.env is TrdEnv.REAL:
            self._push(order, UPDATE_ORDER_FILL, {"orderFill": fill_fields(order, fill)})

    def _confirm_cancel(self, account: Account, order: Order, now: float) -> None:
        if now >= order.due_time:
            self._record(JournalEvent.CANCELLED, order)
            self._move(order, _CANCELLED.get(order.status, _S.CANCELLED_ALL), now)

    def _is_expired(self, order: Order, now: float) -> bool:
        if order.status not in MODIFIABLE:
            return False
        is_past_its_day = (
            order.time_in_force is TimeInForce.DAY
            and order.active_since is not None
            and local_time(order.key, now).date() > local_time(order.key, order.active_since).date()
        )
        return is_past_its_day or not self._is_listed(order.key)

    def _expire(self, order: Order, now: float) -> None:
        self._record(JournalEvent.EXPIRED, order)
        self._move(order, _CANCELLED.get(order.status, _S.CANCELLED_ALL), now)

    # Changes that a caller asks for.

    def _change(self, account: Account, order: Order, c2s: Any, source: Mapping[str, int]) -> None:
        terms = new_terms(account, order, c2s, self.market)
        order.qty, order.price = terms.qty, terms.price
        order.limit, order.trigger = terms.limit, terms.trigger
        order.is_resting = False
        order.update_time = self.clock.wall_s()
        self._record(JournalEvent.MODIFIED, order, **source)
        self._push(order, UPDATE_ORDER, {"order": order_fields(order)})

    def _enable(self, account: Account, order: Order, source: Mapping[str, int]) -> None:
        self.market.find(order.key)
        check_power(account, self.market, order, order.qty, order.limit)
        self._record(JournalEvent.ENABLED, order, **source)
        self._submit(order, self.clock.wall_s())

    def _withdraw(self, order: Order, op: ModifyOrderOp, source: Mapping[str, int]) -> None:
        now = self.clock.wall_s()
        if op is ModifyOrderOp.CANCEL:
            self._cancel(order, now, source)
            return
        is_disabling = op is ModifyOrderOp.DISABLE
        self._record(JournalEvent.DISABLED if is_disabling else JournalEvent.DELETED, order, **source)
        self._move(order, _S.DISABLED if is_disabling else _S.DELETED, now)

    def _cancel(self, order: Order, now: float, source: Mapping[str, int]) -> None:
        """Ask the exchange to cancel; a paper order is gone at once, as its pushes show."""
        if order.env is TrdEnv.SIMULATE:
            self._record(JournalEvent.CANCELLED, order, **source)
            self._move(order, _CANCELLED.get(order.status, _S.CANCELLED_ALL), now)
            return
        self._record(JournalEvent.CANCEL_REQUESTED, order, **source)
        order.due_time = now + EXCHANGE_DELAY_S
        has_fill = order.status is _S.FILLED_PART
        self._move(order, _S.CANCELLING_PART if has_fill else _S.CANCELLING_ALL, now)

    def _cancel_all(
        self, account: Account, op: ModifyOrderOp, trd_market: int, source: Mapping[str, int]
    ) -> None:
        """Cancel every open order of the account, of one market or (0) of all."""
        if op is not ModifyOrderOp.CANCEL:
            raise Refusal(refusals.ONLY_CANCEL_ALL)
        if account.profile.env is TrdEnv.SIMULATE:
            raise Refusal(refusals.PAPER_CANCEL_ALL)
        now = self.clock.wall_s()
        for order in account.open_orders():
            if order.status in MODIFIABLE and trd_market in (0, order.rules.real_market):
                self._cancel(order, now, source)

    # What the world is told.

    def _move(self, order: Order, status: OrderStatus, now: float) -> None:
        order.move(status, now)
        self._push(order, UPDATE_ORDER, {"order": order_fields(order)})

    def _record(self, event: JournalEvent, order: Order, **fields: Any) -> None:
        self.journal.record(event, self.clock.wall_s(), {**journal_fields(order), **fields})

    def _push(self, order: Order, proto_id: int, body: Mapping[str, Any]) -> None:
        if self._sink is None:
            return
        header = {
            "trdEnv": int(order.env),
            "accID": order.acc_id,
            "trdMarket": int(order.rules.trd_market(order.env)),
        }
        self._sink.account_push(order.acc_id, proto_id, {"header": header, **body})
