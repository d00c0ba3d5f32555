"""The accounts that a newcomer finds, with money, positions and a few past orders."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from gateway.schema.trade import OrderStatus, OrderType, TrdEnv, TrdSide
from gateway.simulator.broker.account import Account, AccountProfile
from gateway.simulator.broker.enums import (
    Currency,
    SecurityFirm,
    SimAccType,
    TimeInForce,
    TrdAccType,
    TrdMarket,
)
from gateway.simulator.broker.ids import IdSequence, fill_id_ex, real_id_ex
from gateway.simulator.broker.order import Fill, Order
from gateway.simulator.broker.rules import rules_of
from gateway.simulator.broker.stamp import local_time
from gateway.simulator.model import Instrument, MarketView, QotMarket, SecurityKey

TENCENT = SecurityKey(QotMarket.HK, "00700")
CK_HUTCHISON = SecurityKey(QotMarket.HK, "00001")
APPLE = SecurityKey(QotMarket.US, "AAPL")
MOUTAI = SecurityKey(QotMarket.SH, "600519")

PAPER_HK = 987654
PAPER_US = 987655
REAL_UNIVERSAL = 281756479345015383
REAL_HK = 281756455983234027
REAL_US = 281756460288713754
REAL_A_SHARES = 281756468867370241

_HISTORY_PRICE_STEP = Decimal("0.2")
"""A step that lies on the ticks of all seeded securities but the cheapest; past prices sit on it."""


@dataclass(frozen=True, slots=True)
class _Held:
    key: SecurityKey
    qty: int
    cost_ratio: Decimal


@dataclass(frozen=True, slots=True)
class _Past:
    days_ago: int
    key: SecurityKey
    side: TrdSide
    qty: int
    price_ratio: Decimal
    filled_qty: int


@dataclass(frozen=True, slots=True)
class _Seed:
    profile: AccountProfile
    cash: Mapping[Currency, int]
    held: tuple[_Held, ...] = ()
    past: tuple[_Past, ...] = ()


def _real(
    acc_id: int,
    markets: tuple[TrdMarket, ...],
    acc_type: TrdAccType,
    currency: Currency,
    card_num: str,
    uni_card_num: str | None = None,
) -> AccountProfile:
    return AccountProfile(
        acc_id=acc_id,
        env=TrdEnv.REAL,
        markets=markets,
        acc_type=acc_type,
        currency=currency,
        card_num=card_num,
        firm=SecurityFirm.FUTU_SECURITIES,
        uni_card_num=uni_card_num,
    )


_SEEDS = (
    _Seed(
        AccountProfile(
            acc_id=PAPER_HK,
            env=TrdEnv.SIMULATE,
            markets=(TrdMarket.HK,),
            acc_type=TrdAccType.CASH,
            currency=Currency.HKD,
            card_num="1001100500987654",
            sim_acc_type=SimAccType.STOCK,
        ),
        cash={Currency.HKD: 1_000_000},
        held=(_Held(TENCENT, 500, Decimal("0.95")),),
        past=(_Past(3, TENCENT, TrdSide.BUY, 500, Decimal("0.95"), 500),),
    ),
    _Seed(
        AccountProfile(
            acc_id=PAPER_US,
            env=TrdEnv.SIMULATE,
            markets=(TrdMarket.US,),
            acc_type=TrdAccType.MARGIN,
            currency=Currency.USD,
            card_num="1001100500987655",
            sim_acc_type=SimAccType.STOCK_AND_OPTION,
        ),
        cash={Currency.USD: 1_000_000},
        held=(_Held(APPLE, 100, Decimal("1.02")),),
    ),
    _Seed(
        _real(
            REAL_UNIVERSAL,
            (TrdMarket.HK, TrdMarket.US, TrdMarket.HKCC),
            TrdAccType.MARGIN,
            Currency.HKD,
            "1001329805025007",
            uni_card_num="1001289516908051",
        ),
        cash={Currency.HKD: 500_000, Currency.USD: 50_000, Currency.CNH: 100_000},
        held=(
            _Held(TENCENT, 300, Decimal("0.9")),
            _Held(APPLE, 50, Decimal("0.88")),
            _Held(MOUTAI, 100, Decimal("1.05")),
        ),
        past=(
            _Past(35, TENCENT, TrdSide.BUY, 300, Decimal("0.9"), 300),
            _Past(28, APPLE, TrdSide.BUY, 50, Decimal("0.88"), 50),
            _Past(16, MOUTAI, TrdSide.BUY, 100, Decimal("1.05"), 100),
            _Past(9, TENCENT, TrdSide.SELL, 200, Decimal("1.1"), 0),
            _Past(5, CK_HUTCHISON, TrdSide.BUY, 1000, Decimal("0.96"), 500),
            _Past(2, CK_HUTCHISON, TrdSide.SELL, 500, Decimal("0.98"), 500),
        ),
    ),
    _Seed(
        _real(REAL_HK, (TrdMarket.HK,), TrdAccType.CASH, Currency.HKD, "1001329805025010"),
        cash={Currency.HKD: 300_000},
        held=(_Held(CK_HUTCHISON, 1000, Decimal("0.97")),),
        past=(
            _Past(12, CK_HUTCHISON, TrdSide.BUY, 1000, Decimal("0.97"), 1000),
            _Past(4, TENCENT, TrdSide.BUY, 100, Decimal("0.92"), 0),
        ),
    ),
    _Seed(
        _real(REAL_US, (TrdMarket.US,), TrdAccType.MARGIN, Currency.USD, "1001329805025013"),
        cash={Currency.USD: 80_000},
        held=(_Held(APPLE, 200, Decimal("0.93")),),
        past=(_Past(20, APPLE, TrdSide.BUY, 200, Decimal("0.93"), 200),),
    ),
    _Seed(
        _real(REAL_A_SHARES, (TrdMarket.HKCC,), TrdAccType.CASH, Currency.CNH, "1001329805025016"),
        cash={Currency.CNH: 600_000},
        held=(_Held(MOUTAI, 200, Decimal("0.99")),),
        past=(_Past(15, MOUTAI, TrdSide.BUY, 200, Decimal("0.99"), 200),),
    ),
)


def seed_accounts(market: MarketView, ids: IdSequence, now: float) -> Iterator[Account]:
    """The accounts in the order in which `Trd_GetAccList` names them; `now` dates their past orders."""
    for seed in _SEEDS:
        account = Account(seed.profile, {currency: Decimal(amount) for currency, amount in seed.cash.items()})
        for held in seed.held:
            _add_position(account, market.find(held.key), held, now)
        for past in seed.past:
            _add_past_order(account, market.find(past.key), past, ids, now)
        yield account


def _price(instrument: Instrument, ratio: Decimal) -> Decimal:
    return instrument.base_price * ratio // _HISTORY_PRICE_STEP * _HISTORY_PRICE_STEP


def _add_position(account: Account, instrument: Instrument, held: _Held, now: float) -> None:
    position = account.position(instrument, now)
    position.qty = Decimal(held.qty)
    position.average_cost = _price(instrument, held.cost_ratio)
    position.invested = position.average_cost * position.qty * instrument.contract_multiplier


def _weekday_time(key: SecurityKey, now: float, days_ago: int) -> float:
    """Half past ten, local time, on the weekday at or before `days_ago`."""
    day: datetime = local_time(key, now) - timedelta(days=days_ago)
    day -= timedelta(days=max(day.weekday() - 4, 0))
    return day.replace(hour=10, minute=30, second=0, microsecond=313_000).timestamp()


def _add_past_order(
    account: Account, instrument: Instrument, past: _Past, ids: IdSequence, now: float
) -> None:
    profile = account.profile
    placed = _weekday_time(instrument.key, now, past.days_ago)
    order_id = ids.next_number()
    is_real = profile.env is TrdEnv.REAL
    price = _price(instrument, past.price_ratio)
    order = Order(
        order_id=order_id,
        order_id_ex=real_id_ex(order_id, local_time(instrument.key, placed))
        if is_real
        else ids.next_paper_id_ex(),
        acc_id=profile.acc_id,
        env=profile.env,
        instrument=instrument,
        rules=rules_of(instrument.key),
        side=past.side,
        order_type=OrderType.NORMAL,
        time_in_force=TimeInForce.DAY,
        qty=Decimal(past.qty),
        price=price,
        limit=price,
        trigger=None,
        remark="",
        create_time=placed,
        update_time=placed,
        status=OrderStatus.SUBMITTED,
    )
    if past.filled_qty:
        fill = Fill(
            ids.next_number(), fill_id_ex(order.order_id_ex, 1), Decimal(past.filled_qty), price, placed + 2
        )
        order.add_fill(fill)
    if order.remaining_qty:
        has_fill = order.status is OrderStatus.FILLED_PART
        order.move(OrderStatus.CANCELLED_PART if has_fill else OrderStatus.CANCELLED_ALL, placed + 3600)
    account.add_order(order)
