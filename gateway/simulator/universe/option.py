"""Options on stocks and indices: which chains there are, and what a code stands for."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from gateway.simulator.model import Instrument, QotMarket, SecurityKey, SecurityType
from gateway.simulator.universe.expiry import (
    MONTHLY_HORIZON,
    WEEKLY_HORIZON,
    hk_option_expiries,
    is_monthly,
    us_option_expiries,
)
from gateway.simulator.universe.listing import CURRENCY
from gateway.simulator.universe.stock_id import stock_id
from gateway.simulator.universe.terms import ExchType, OptionTerms, OptionType, Trading

STRIKES_EACH_SIDE = 10
_CODE = re.compile(r"([A-Z]+)(\d{2})(\d{2})(\d{2})([CP])(\d+)")
_STRIKE_SCALE = 1000
_MONTHLY_LISTED_BEFORE = MONTHLY_HORIZON + timedelta(days=7)
_WEEKLY_LISTED_BEFORE = WEEKLY_HORIZON + timedelta(days=7)


@dataclass(frozen=True, slots=True)
class OptionClass:
    """The options on one owner. Codes are `prefix`, expiry as yymmdd, C or P, strike in thousandths."""

    prefix: str
    owner: SecurityKey
    contract_size: int
    middle_strike: str
    strike_step: str

    @property
    def strikes(self) -> tuple[Decimal, ...]:
        """The strikes on offer, lowest first."""
        middle, step = Decimal(self.middle_strike), Decimal(self.strike_step)
        return tuple(middle + step * n for n in range(-STRIKES_EACH_SIDE, STRIKES_EACH_SIDE + 1))


def _hk(prefix: str, code: str, size: int, middle: str, step: str) -> OptionClass:
    return OptionClass(prefix, SecurityKey(QotMarket.HK, code), size, middle, step)


def _us(code: str, middle: str, step: str) -> OptionClass:
    return OptionClass(code, SecurityKey(QotMarket.US, code), 100, middle, step)


OPTION_CLASSES = (
    _hk("TCH", "00700", 100, "500", "20"),
    _hk("ALB", "09988", 500, "130", "5"),
    _hk("MET", "03690", 500, "130", "5"),
    _hk("HEX", "00388", 100, "400", "20"),
    _hk("HKB", "00005", 400, "85", "2.5"),
    _hk("CHT", "00941", 500, "85", "2.5"),
    _hk("AIA", "01299", 1000, "65", "2.5"),
    _hk("HSI", "800000", 50, "25000", "800"),
    _us("AAPL", "230", "10"),
    _us("TSLA", "320", "20"),
    _us("NVDA", "140", "10"),
    _us("MSFT", "430", "20"),
    _us("META", "600", "25"),
    _us("AMZN", "210", "10"),
    _us("FUTU", "120", "10"),
    _us("BABA", "135", "10"),
    _us("SPY", "590", "20"),
    _us("QQQ", "510", "20"),
)

_EXPIRIES: Mapping[int, Callable[[date], list[date]]] = {
    QotMarket.HK: hk_option_expiries,
    QotMarket.US: us_option_expiries,
}
_BY_PREFIX = {(row.owner.market, row.prefix): row for row in OPTION_CLASSES}
_BY_OWNER = {row.owner: row for row in OPTION_CLASSES}


def expiries(owner: SecurityKey, today: date) -> list[date]:
    """The expiries on offer for an owner's options, in order; empty when it has none."""
    return _EXPIRIES[owner.market](today) if owner in _BY_OWNER else []


def chain(owner: Instrument, expiry: date) -> list[tuple[Instrument, Instrument]]:
    """Call and put at each strike for one expiry, lowest strike first."""
    row = _BY_OWNER[owner.key]
    return [
        (
            _option(row, owner, expiry, OptionType.CALL, strike),
            _option(row, owner, expiry, OptionType.PUT, strike),
        )
        for strike in row.strikes
    ]


def option_owner(key: SecurityKey) -> SecurityKey | None:
    """The owner that an option code names; None when the code is not shaped like one."""
    match = _CODE.fullmatch(key.code)
    row = match and _BY_PREFIX.get((key.market, match[1]))
    return row.owner if row else None


def option_named(key: SecurityKey, owner: Instrument, today: date) -> Instrument | None:
    """The option of a code such as AAPL261218C230000; None when it is not on offer on that day."""
    match = _CODE.fullmatch(key.code)
    if match is None:
        return None
    row = _BY_OWNER[owner.key]
    strike = Decimal(match[6]) / _STRIKE_SCALE
    for expiry in _EXPIRIES[key.market](today):
        if f"{expiry:%y%m%d}" == match[2] + match[3] + match[4] and strike in row.strikes:
            option = _option(row, owner, expiry, _OPTION_LETTERS[match[5]], strike)
            return option if option.key == key else None
    return None


_OPTION_LETTERS = {"C": OptionType.CALL, "P": OptionType.PUT}
_LETTERS = {option_type: letter for letter, option_type in _OPTION_LETTERS.items()}
_WORDS = {OptionType.CALL: "购", OptionType.PUT: "沽"}


def _option_name(row: OptionClass, owner: Instrument, expiry: date, kind: OptionType, strike: Decimal) -> str:
    """As OpenD words it: `腾讯 261230 500.00 购` in Hong Kong, `AAPL 261218 230.00C` in the US."""
    if row.owner.market == QotMarket.HK:
        return f"{owner.name[:2]} {expiry:%y%m%d} {strike:.2f} {_WORDS[kind]}"
    return f"{row.prefix} {expiry:%y%m%d} {strike:.2f}{_LETTERS[kind]}"


def _option(
    row: OptionClass, owner: Instrument, expiry: date, kind: OptionType, strike: Decimal
) -> Instrument:
    market = row.owner.market
    code = f"{row.prefix}{expiry:%y%m%d}{_LETTERS[kind]}{int(strike * _STRIKE_SCALE)}"
    listed = expiry - (_MONTHLY_LISTED_BEFORE if is_monthly(expiry) else _WEEKLY_LISTED_BEFORE)
    return Instrument(
        key=SecurityKey(market, code),
        stock_id=stock_id(market, code, listed),
        name=_option_name(row, owner, expiry, kind, strike),
        security_type=SecurityType.OPTION,
        lot_size=1,
        currency=CURRENCY[QotMarket(market)],
        list_date=listed,
        exchange=ExchType.US_OPTION if market == QotMarket.US else ExchType.HK_HKEX,
        base_price=owner.base_price,
        owner=row.owner,
        contract_multiplier=Decimal(row.contract_size),
        extra={
            Trading.KEY: Trading(12_000, 0.0, 1),
            OptionTerms.KEY: OptionTerms(kind, strike, expiry, row.contract_size),
        },
    )
