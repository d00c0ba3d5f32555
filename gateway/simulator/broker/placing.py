"""From `Trd_PlaceOrder` to an order that the rules allow."""

from decimal import Decimal
from typing import Any

from gateway.schema.trade import OrderType, TrdEnv, TrdSide
from gateway.simulator.broker import refusals
from gateway.simulator.broker.account import Account
from gateway.simulator.broker.enums import TrdMarket
from gateway.simulator.broker.ids import IdSequence, real_id_ex
from gateway.simulator.broker.number import price_from_wire, qty_from_wire
from gateway.simulator.broker.order import Order
from gateway.simulator.broker.power import check_power, sellable_qty
from gateway.simulator.broker.pricing import collar_price, limit_price, trigger_price
from gateway.simulator.broker.rules import (
    HAS_LIMIT,
    HAS_TRIGGER,
    TRADABLE,
    MarketRules,
    check_time_in_force,
    price_step,
    rules_of,
    security_key,
)
from gateway.simulator.broker.stamp import local_time
from gateway.simulator.model import Instrument, MarketView, Refusal, SecurityKey

MAX_REMARK_BYTES = 64


def new_order(account: Account, c2s: Any, market: MarketView, ids: IdSequence, now: float) -> Order:
    """The order that a call asks for, in state Unsubmitted. Raises `Refusal` for the first broken rule."""
    env = account.profile.env
    instrument, rules = tradable(c2s, market, env)
    side = _side(c2s.trdSide)
    order_type = rules.check_order_type(env, c2s.orderType)
    time_in_force = check_time_in_force(env, c2s.timeInForce)
    qty = qty_from_wire(c2s.qty)
    price = _price(c2s, market, instrument.key, order_type)
    trigger = trigger_price(c2s, instrument.key) if order_type in HAS_TRIGGER else None
    limit = _limit(market, instrument.key, side, order_type, price, trigger)
    order_id = ids.next_number()
    order = Order(
        order_id=order_id,
        order_id_ex=_id_ex(env, order_id, ids, instrument.key, now),
        acc_id=account.profile.acc_id,
        env=env,
        instrument=instrument,
        rules=rules,
        side=side,
        order_type=order_type,
        time_in_force=time_in_force,
        qty=qty,
        price=price,
        limit=limit,
        trigger=trigger,
        remark=_remark(c2s.remark),
        create_time=now,
        update_time=now,
        fill_outside_rth=c2s.fillOutsideRTH,
        session=c2s.session,
    )
    check_size(account, order, qty, limit)
    check_power(account, market, order, qty, limit)
    return order


def tradable(c2s: Any, market: MarketView, env: TrdEnv) -> tuple[Instrument, MarketRules]:
    """The security of a call with `code`, `secMarket` and a header, and its rules. Raises `Refusal`."""
    trd_market = TrdMarket(c2s.header.trdMarket)
    key = security_key(c2s.code, c2s.secMarket, trd_market)
    rules = rules_of(key)
    if rules.trd_market(env) is not trd_market:
        raise Refusal(refusals.WRONG_MARKET_OF_CODE)
    instrument = market.find(key)
    if instrument.security_type not in TRADABLE:
        raise Refusal(refusals.NOT_TRADABLE)
    return instrument, rules


def check_size(account: Account, order: Order, qty: Decimal, limit: Decimal) -> None:
    """Whole lots and the caps of one order. Raises `Refusal`."""
    lot_size = order.instrument.lot_size
    if qty % lot_size and not _is_odd_rest(account, order, qty):
        raise Refusal(refusals.NOT_A_LOT.format(lot_size=lot_size))
    rules = order.rules
    if rules.max_order_qty is not None and qty > rules.max_order_qty:
        raise Refusal(refusals.TOO_MANY_SHARES.format(cap=rules.max_order_qty))
    value = qty * limit * order.instrument.contract_multiplier
    if rules.max_order_value is not None and value > rules.max_order_value:
        raise Refusal(refusals.TOO_MUCH_MONEY.format(cap=rules.max_order_value))


def _is_odd_rest(account: Account, order: Order, qty: Decimal) -> bool:
    """Whether a sale below a lot takes all that is left, where the market allows it."""
    if order.side.is_buy or not order.rules.odd_lot_sale:
        return False
    rest = sellable_qty(account, order.key, without=order)
    return qty % order.instrument.lot_size == rest % order.instrument.lot_size


def _side(number: int) -> TrdSide:
    try:
        return TrdSide(number)
    except ValueError:
        raise Refusal(refusals.UNKNOWN_SIDE) from None


def _remark(remark: str) -> str:
    if len(remark.encode()) > MAX_REMARK_BYTES:
        raise Refusal(refusals.REMARK_TOO_LONG)
    return remark


def _price(c2s: Any, market: MarketView, key: SecurityKey, order_type: OrderType) -> Decimal | None:
    """The limit; of an order at the market what the caller happened to give, if it is a price at all."""
    if order_type in HAS_LIMIT:
        return limit_price(c2s, market, key)
    return price_from_wire(c2s.price, "price", price_step(key, c2s.price)) if c2s.price else None


def _limit(
    market: MarketView,
    key: SecurityKey,
    side: TrdSide,
    order_type: OrderType,
    price: Decimal | None,
    trigger: Decimal | None,
) -> Decimal:
    if order_type in HAS_LIMIT and price is not None:
        return price
    reference = trigger if trigger is not None else market.quote(key).last
    return collar_price(reference, is_buy=side.is_buy)


def _id_ex(env: TrdEnv, order_id: int, ids: IdSequence, key: SecurityKey, now: float) -> str:
    if env is TrdEnv.SIMULATE:
        return ids.next_paper_id_ex()
    return real_id_ex(order_id, local_time(key, now))
