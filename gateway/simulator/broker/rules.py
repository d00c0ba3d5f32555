"""What each market of the trade side allows: codes, currency, time zone, caps, order types, changes."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType
from zoneinfo import ZoneInfo

from gateway.schema.trade import ModifyOrderOp, OrderType, TrdEnv, TrdSecMarket
from gateway.simulator.broker import refusals
from gateway.simulator.broker.enums import Currency, TimeInForce, TrdMarket
from gateway.simulator.model import QotMarket, Refusal, SecurityKey, SecurityType

_BASIC = frozenset({OrderType.NORMAL, OrderType.MARKET})
_CONDITIONAL = frozenset(
    {OrderType.STOP, OrderType.STOP_LIMIT, OrderType.MARKET_IF_TOUCHED, OrderType.LIMIT_IF_TOUCHED}
)
_HK_LIMITS = frozenset({OrderType.ABSOLUTE_LIMIT, OrderType.SPECIAL_LIMIT, OrderType.SPECIAL_LIMIT_ALL})
_CHANGE = frozenset({ModifyOrderOp.NORMAL, ModifyOrderOp.CANCEL})

TRADABLE = frozenset(
    {
        SecurityType.BOND,
        SecurityType.EQUITY,
        SecurityType.TRUST,
        SecurityType.WARRANT,
        SecurityType.OPTION,
    }
)
"""Security types that an account for securities trades; futures need accounts that there are none of."""

HAS_TRIGGER = _CONDITIONAL
"""Order types that wait for the last price to reach `auxPrice`."""

HAS_LIMIT = frozenset({OrderType.NORMAL, OrderType.STOP_LIMIT, OrderType.LIMIT_IF_TOUCHED}) | _HK_LIMITS
"""Order types with a limit price; the other types that are supported trade at the market."""


@dataclass(frozen=True, slots=True)
class MarketRules:
    """The rules of one listing market. Caps are per order, in shares and in `currency`."""

    qot_market: QotMarket
    sec_market: TrdSecMarket
    real_market: TrdMarket
    paper_market: TrdMarket
    currency: Currency
    zone: ZoneInfo
    code: re.Pattern[str]
    real_order_types: frozenset[OrderType]
    real_changes: frozenset[ModifyOrderOp]
    max_order_qty: Decimal | None = None
    max_order_value: Decimal | None = None
    odd_lot_sale: bool = False
    sells_next_day: bool = False

    def trd_market(self, env: TrdEnv) -> TrdMarket:
        """The market by which accounts of `env` trade here; A-shares differ."""
        return self.real_market if env is TrdEnv.REAL else self.paper_market

    def check_order_type(self, env: TrdEnv, order_type: int) -> OrderType:
        """The order type, if accounts of `env` may use it here. Raises `Refusal` otherwise."""
        if env is TrdEnv.SIMULATE:
            if order_type not in _BASIC:
                raise Refusal(refusals.PAPER_ORDER_TYPE)
        elif order_type not in self.real_order_types:
            raise Refusal(refusals.NO_ORDER_TYPE)
        return OrderType(order_type)

    def changes(self, env: TrdEnv) -> frozenset[ModifyOrderOp]:
        """What may be done to an order after it was placed."""
        return self.real_changes if env is TrdEnv.REAL else _CHANGE


_CHINA = ZoneInfo("Asia/Shanghai")


def _a_share(qot_market: QotMarket, sec_market: TrdSecMarket) -> MarketRules:
    return MarketRules(
        qot_market=qot_market,
        sec_market=sec_market,
        real_market=TrdMarket.HKCC,
        paper_market=TrdMarket.CN,
        currency=Currency.CNH,
        zone=_CHINA,
        code=re.compile(r"\d{6}"),
        real_order_types=frozenset({OrderType.NORMAL}),
        real_changes=frozenset({ModifyOrderOp.CANCEL}),
        max_order_qty=Decimal(1_000_000),
        max_order_value=Decimal(5_000_000),
        odd_lot_sale=True,
        sells_next_day=True,
    )


RULES: Mapping[TrdSecMarket, MarketRules] = MappingProxyType(
    {
        TrdSecMarket.HK: MarketRules(
            qot_market=QotMarket.HK,
            sec_market=TrdSecMarket.HK,
            real_market=TrdMarket.HK,
            paper_market=TrdMarket.HK,
            currency=Currency.HKD,
            zone=ZoneInfo("Asia/Hong_Kong"),
            code=re.compile(r"\d{5}|[A-Z]{3}\d{6}[CP]\d+"),
            real_order_types=_BASIC | _HK_LIMITS | _CONDITIONAL,
            real_changes=frozenset(ModifyOrderOp),
        ),
        TrdSecMarket.US: MarketRules(
            qot_market=QotMarket.US,
            sec_market=TrdSecMarket.US,
            real_market=TrdMarket.US,
            paper_market=TrdMarket.US,
            currency=Currency.USD,
            zone=ZoneInfo("America/New_York"),
            code=re.compile(r"[A-Z][A-Z0-9.\-]*"),
            real_order_types=_BASIC | _CONDITIONAL,
            real_changes=_CHANGE,
            max_order_qty=Decimal(500_000),
            max_order_value=Decimal(5_000_000),
        ),
        TrdSecMarket.CN_SH: _a_share(QotMarket.SH, TrdSecMarket.CN_SH),
        TrdSecMarket.CN_SZ: _a_share(QotMarket.SZ, TrdSecMarket.CN_SZ),
    }
)
"""The rules by listing market. The caps are those that FUTU HK publishes."""

_BY_QOT_MARKET = {int(rules.qot_market): rules for rules in RULES.values()}

_ONLY_LISTING = {TrdMarket.HK: TrdSecMarket.HK, TrdMarket.US: TrdSecMarket.US}


def rules_of(key: SecurityKey) -> MarketRules:
    """The rules of the market where a security is listed. Raises `Refusal` where none is tradable."""
    rules = _BY_QOT_MARKET.get(key.market)
    if rules is None:
        raise Refusal(refusals.NOT_TRADABLE)
    return rules


def security_key(code: str, sec_market: int, trd_market: int) -> SecurityKey:
    """The security that a trade call names.

    `sec_market` 0 means the only listing market of `trd_market`; A-shares have two and need it. Raises
    `Refusal` for a code that cannot be one of the market's.
    """
    if not sec_market:
        try:
            sec_market = _ONLY_LISTING[TrdMarket(trd_market)]
        except (KeyError, ValueError):
            raise refusals.missing("secMarket") from None
    try:
        rules = RULES[TrdSecMarket(sec_market)]
    except (KeyError, ValueError):
        raise Refusal(refusals.NO_AUTHORITY) from None
    if not rules.code.fullmatch(code):
        raise Refusal(refusals.WRONG_CODE_FORMAT)
    return SecurityKey(rules.qot_market, code)


def check_time_in_force(env: TrdEnv, time_in_force: int) -> TimeInForce:
    """The time in force, if accounts of `env` may use it. Raises `Refusal` otherwise."""
    if env is TrdEnv.SIMULATE and time_in_force != TimeInForce.DAY:
        raise Refusal(refusals.PAPER_TIME_IN_FORCE)
    if time_in_force not in (TimeInForce.DAY, TimeInForce.GTC):
        raise Refusal(refusals.NO_TIME_IN_FORCE)
    return TimeInForce(time_in_force)


def price_step(key: SecurityKey, price: float) -> Decimal:
    """The step below which OpenD drops a price's digits: 0.001, for US prices under a dollar 0.0001."""
    return Decimal("0.0001") if key.market == QotMarket.US and price < 1 else Decimal("0.001")
