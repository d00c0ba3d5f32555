"""The trade protocols, answered by a broker."""

from collections.abc import Callable, Mapping
from typing import Any

from gateway.schema.trade import TrdEnv
from gateway.simulator.broker import refusals
from gateway.simulator.broker.account import Account, AccountProfile
from gateway.simulator.broker.broker import Broker
from gateway.simulator.broker.enums import Currency, TrdAccRole, TrdAccStatus, TrdCategory, TrdMarket
from gateway.simulator.broker.fee import fee_items
from gateway.simulator.broker.funds import funds_fields, max_qty_fields
from gateway.simulator.broker.margin import MARGIN_MARKETS, margin_terms
from gateway.simulator.broker.order import Order
from gateway.simulator.broker.placing import tradable
from gateway.simulator.broker.power import Valuation, sellable_qty
from gateway.simulator.broker.pricing import collar_price, limit_price
from gateway.simulator.broker.query import Filter, current_fills, current_orders, past_fills, past_orders
from gateway.simulator.broker.rules import HAS_LIMIT, rules_of
from gateway.simulator.broker.view import fill_fields, order_fields, position_fields
from gateway.simulator.model import Answer, Call, Handler, Instrument, Refusal, SecurityKey

MAX_MARGIN_SECURITIES = 100


def trade_handlers(broker: Broker) -> dict[int, Handler]:
    """The handlers of all trade protocols but 2008, by protocol number."""
    handlers: Mapping[int, Callable[[Broker, Call], Mapping[str, Any] | Answer]] = {
        2001: accounts,
        2005: unlock_trade,
        2101: funds,
        2102: positions,
        2111: max_trd_qtys,
        2201: orders,
        2202: place_order,
        2205: modify_order,
        2211: order_fills,
        2221: history_orders,
        2222: history_order_fills,
        2223: margin_ratio,
        2225: order_fee,
    }
    return {number: _bind(handler, broker) for number, handler in handlers.items()}


def _bind(handler: Callable[[Broker, Call], Mapping[str, Any] | Answer], broker: Broker) -> Handler:
    return lambda call: handler(broker, call)


def _header(c2s: Any) -> dict[str, int]:
    header = c2s.header
    return {"trdEnv": header.trdEnv, "accID": header.accID, "trdMarket": header.trdMarket}


def _real_account(broker: Broker, c2s: Any, refusal: str) -> Account:
    account = broker.account(c2s.header)
    if account.profile.env is not TrdEnv.REAL:
        raise Refusal(refusal)
    return account


def accounts(broker: Broker, call: Call) -> dict[str, Any]:
    """2001: every account. All are for securities, so the categories of futures and crypto have none.

    `needGeneralSecAccount` hides nothing: OpenD documents it for Singapore's users alone.
    """
    if call.c2s.trdCategory not in (TrdCategory.UNKNOWN, TrdCategory.SECURITY):
        return {"accList": []}
    return {"accList": [_account_fields(account.profile) for account in broker.accounts]}


def _account_fields(profile: AccountProfile) -> dict[str, Any]:
    fields = {
        "trdEnv": int(profile.env),
        "accID": profile.acc_id,
        "trdMarketAuthList": [int(market) for market in profile.markets],
        "accType": int(profile.acc_type),
        "cardNum": profile.card_num,
        "accStatus": int(TrdAccStatus.ACTIVE),
        "accRole": int(TrdAccRole.NORMAL),
    }
    if profile.firm is not None:
        fields["securityFirm"] = int(profile.firm)
    if profile.sim_acc_type is not None:
        fields["simAccType"] = int(profile.sim_acc_type)
    if profile.uni_card_num is not None:
        fields["uniCardNum"] = profile.uni_card_num
    return fields


def unlock_trade(broker: Broker, call: Call) -> Mapping[str, Any] | Answer:
    """2005: unlock with the password's MD5, or lock. OpenD insists on the firm when unlocking."""
    c2s = call.c2s
    if not c2s.unlock:
        broker.lock()
        return {}
    if not c2s.pwdMD5:
        raise refusals.missing("pwdMD5")
    if not c2s.securityFirm:
        raise refusals.missing("securityFirm")
    if all(account.profile.firm != c2s.securityFirm for account in broker.accounts):
        raise Refusal(refusals.NO_ACCOUNT_OF_FIRM)
    is_new = broker.unlock(c2s.pwdMD5)
    return {} if is_new else Answer({}, refusals.ALREADY_UNLOCKED)


def funds(broker: Broker, call: Call) -> dict[str, Any]:
    """2101: funds in the account's own currency; a universal account's in the one that is asked for."""
    account = broker.account(call.c2s.header)
    broker.advance()
    currency = account.profile.currency
    if account.profile.is_universal:
        if not call.c2s.currency:
            raise refusals.missing("currency")
        currency = _currency(call.c2s.currency)
    return {"header": _header(call.c2s), "funds": funds_fields(account, broker.market, currency)}


def _currency(number: int) -> Currency:
    try:
        return Currency(number)
    except ValueError:
        raise Refusal(refusals.UNKNOWN_CURRENCY) from None


def positions(broker: Broker, call: Call) -> dict[str, Any]:
    """2102: what is held or was traded today. The bounds of profit are fractions, as `plRatio` is."""
    c2s = call.c2s
    account = broker.account(c2s.header)
    broker.advance()
    condition = Filter(c2s.filterConditions)
    shown = []
    for holding in Valuation(account, broker.market, account.profile.currency).holdings:
        position, key = holding.position, holding.position.instrument.key
        is_alive = position.qty or position.today.buy_qty or position.today.sell_qty
        trd_market = rules_of(key).trd_market(account.profile.env)
        if is_alive and condition.takes_security(key, trd_market, position.position_id):
            can_sell = float(sellable_qty(account, key))
            shown.append(position_fields(holding, can_sell, account.profile.env, broker.market))
    low, high = _profit_bounds(c2s)
    return {
        "header": _header(c2s),
        "positionList": [fields for fields in shown if low <= fields.get("plRatio", 0.0) <= high],
    }


def _profit_bounds(c2s: Any) -> tuple[float, float]:
    low = c2s.filterPLRatioMin if c2s.HasField("filterPLRatioMin") else float("-inf")
    high = c2s.filterPLRatioMax if c2s.HasField("filterPLRatioMax") else float("inf")
    return low, high


def max_trd_qtys(broker: Broker, call: Call) -> dict[str, Any]:
    """2111: the most that may be bought and sold, for a new order or for a change of one."""
    c2s = call.c2s
    account = broker.account(c2s.header)
    broker.advance()
    instrument, rules = tradable(c2s, broker.market, account.profile.env)
    order_type = rules.check_order_type(account.profile.env, c2s.orderType)
    if order_type in HAS_LIMIT:
        price = limit_price(c2s, broker.market, instrument.key)
    else:
        price = collar_price(broker.market.quote(instrument.key).last, is_buy=True)
    changing = _changing(account, c2s)
    fields = max_qty_fields(account, broker.market, instrument, price, changing)
    if rules.real_market is TrdMarket.US:
        fields["session"] = c2s.session
    return {"header": _header(c2s), "maxTrdQtys": fields}


def _changing(account: Account, c2s: Any) -> Order | None:
    if not c2s.orderID and not c2s.orderIDEx:
        return None
    return account.find_order(c2s.orderID, c2s.orderIDEx)


def orders(broker: Broker, call: Call) -> dict[str, Any]:
    """2201: open orders and today's, oldest first."""
    c2s = call.c2s
    account = broker.account(c2s.header)
    broker.advance()
    found = current_orders(account, c2s.filterConditions, c2s.filterStatusList, broker.clock.wall_s())
    return {"header": _header(c2s), "orderList": [order_fields(order) for order in found]}


def history_orders(broker: Broker, call: Call) -> dict[str, Any]:
    """2221: final orders of a span of time, newest first."""
    c2s = call.c2s
    account = broker.account(c2s.header)
    broker.advance()
    found = past_orders(account, c2s.filterConditions, c2s.filterStatusList)
    return {"header": _header(c2s), "orderList": [order_fields(order) for order in found]}


def order_fills(broker: Broker, call: Call) -> dict[str, Any]:
    """2211: today's fills of a real account, oldest first."""
    c2s = call.c2s
    account = _real_account(broker, c2s, refusals.NO_PAPER_FILLS)
    broker.advance()
    found = current_fills(account, c2s.filterConditions, broker.clock.wall_s())
    return {"header": _header(c2s), "orderFillList": [fill_fields(order, fill) for order, fill in found]}


def history_order_fills(broker: Broker, call: Call) -> dict[str, Any]:
    """2222: fills of a real account in a span of time, newest first."""
    c2s = call.c2s
    account = _real_account(broker, c2s, refusals.NO_PAPER_FILLS)
    broker.advance()
    found = past_fills(account, c2s.filterConditions)
    return {"header": _header(c2s), "orderFillList": [fill_fields(order, fill) for order, fill in found]}


def place_order(broker: Broker, call: Call) -> dict[str, Any]:
    """2202."""
    order = broker.place(call.c2s, call.connection.conn_id)
    return {"header": _header(call.c2s), "orderID": order.order_id, "orderIDEx": order.order_id_ex}


def modify_order(broker: Broker, call: Call) -> dict[str, Any]:
    """2205; an answer for all orders names none."""
    order = broker.modify(call.c2s, call.connection.conn_id)
    if order is None:
        return {"header": _header(call.c2s), "orderID": 0}
    return {"header": _header(call.c2s), "orderID": order.order_id, "orderIDEx": order.order_id_ex}


def order_fee(broker: Broker, call: Call) -> dict[str, Any]:
    """2225: the fees of orders of a real account; an order without a fill has none."""
    account = _real_account(broker, call.c2s, refusals.NO_PAPER_FEES)
    broker.advance()
    found = [account.find_order(0, order_id_ex) for order_id_ex in call.c2s.orderIdExList]
    return {"header": _header(call.c2s), "orderFeeList": [_fee_fields(order) for order in found]}


def _fee_fields(order: Order) -> dict[str, Any]:
    value = order.filled_value * order.instrument.contract_multiplier
    items = fee_items(order.rules.real_market, order.side, order.filled_qty, value)
    return {
        "orderIDEx": order.order_id_ex,
        "feeAmount": sum(float(item.value) for item in items),
        "feeList": [{"title": item.title, "value": float(item.value)} for item in items],
    }


def margin_ratio(broker: Broker, call: Call) -> dict[str, Any]:
    """2223: the margin terms of securities of HK and US, for a real account."""
    c2s = call.c2s
    account = _real_account(broker, c2s, refusals.NO_PAPER_MARGIN_RATIO)
    if c2s.header.trdMarket not in MARGIN_MARKETS:
        raise Refusal(refusals.NO_MARGIN_DATA)
    if not c2s.securityList:
        raise refusals.missing("securityList")
    if len(c2s.securityList) > MAX_MARGIN_SECURITIES:
        raise Refusal(refusals.TOO_MANY_SECURITIES)
    keys = [SecurityKey(security.market, security.code) for security in c2s.securityList]
    found = [_margin_instrument(broker, account, key) for key in keys]
    return {"header": _header(c2s), "marginRatioInfoList": [_margin_fields(item) for item in found]}


def _margin_instrument(broker: Broker, account: Account, key: SecurityKey) -> Instrument:
    instrument = broker.market.find(key)
    if rules_of(key).trd_market(account.profile.env) not in MARGIN_MARKETS:
        raise Refusal(refusals.NO_MARGIN_DATA)
    return instrument


def _margin_fields(instrument: Instrument) -> dict[str, Any]:
    terms = margin_terms(instrument)
    fields: dict[str, Any] = {
        "security": {"market": int(instrument.key.market), "code": instrument.key.code},
        "isLongPermit": terms.is_long_permitted,
        "isShortPermit": terms.is_short_permitted,
        "shortPoolRemain": float(terms.short_pool_qty),
        "shortFeeRate": float(terms.short_fee_percent),
    }
    ratios = {
        "alertLongRatio": terms.alert_long,
        "alertShortRatio": terms.alert_short,
        "imLongRatio": terms.initial_long,
        "imShortRatio": terms.initial_short,
        "mcmLongRatio": terms.call_long,
        "mcmShortRatio": terms.call_short,
        "mmLongRatio": terms.maintenance_long,
        "mmShortRatio": terms.maintenance_short,
    }
    return fields | {name: float(ratio * 100) for name, ratio in ratios.items()}
