"""Warrants and callable bull/bear contracts on Hong Kong stocks.

The codes are fixed; their terms roll over with the calendar year, as HKEX uses codes again.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from gateway.simulator.model import Instrument, QotMarket, SecurityKey, SecurityType
from gateway.simulator.universe.expiry import hk_month_expiry
from gateway.simulator.universe.listing import CURRENCY
from gateway.simulator.universe.stock_id import stock_id
from gateway.simulator.universe.terms import ExchType, Trading, WarrantTerms, WarrantType


@dataclass(frozen=True, slots=True)
class Issuer:
    """An issuer: `Qot_Common.Issuer` number, its two-letter code and its short name."""

    number: int
    code: str
    name: str


_SG = Issuer(1, "SG", "法兴")
_BP = Issuer(2, "BP", "法巴")
_HS = Issuer(7, "HS", "汇丰")
_JP = Issuer(8, "JP", "摩通")
_MB = Issuer(9, "MB", "麦银")
_UB = Issuer(11, "UB", "瑞银")
_MS = Issuer(23, "MS", "摩利")

_CALL, _PUT, _BULL, _BEAR, _INLINE = WarrantType


@dataclass(frozen=True, slots=True)
class WarrantRow:
    """One code. Prices are fractions of the owner's base price, `month` that of next year's maturity."""

    code: str
    warrant_type: WarrantType
    issuer: Issuer
    strike: str
    month: int
    ratio: int = 100
    recovery: str = ""
    bounds: tuple[str, str] | None = None


TENCENT_ROWS = (
    WarrantRow("13027", _CALL, _JP, "1.00", 3),
    WarrantRow("13455", _CALL, _UB, "1.10", 6),
    WarrantRow("14206", _CALL, _SG, "1.25", 9),
    WarrantRow("15118", _CALL, _BP, "0.90", 6),
    WarrantRow("16833", _CALL, _MB, "1.40", 12),
    WarrantRow("17460", _PUT, _JP, "0.95", 6),
    WarrantRow("18752", _PUT, _HS, "0.85", 9),
    WarrantRow("19901", _PUT, _SG, "1.05", 3),
    WarrantRow("47388", _INLINE, _MS, "1.00", 6, 1, bounds=("0.60", "1.60")),
    WarrantRow("53021", _BULL, _UB, "0.45", 6, 500, "0.47"),
    WarrantRow("54710", _BULL, _SG, "0.50", 9, 500, "0.52"),
    WarrantRow("55863", _BULL, _JP, "0.40", 12, 500, "0.42"),
    WarrantRow("61204", _BEAR, _HS, "1.95", 6, 500, "1.90"),
    WarrantRow("63577", _BEAR, _BP, "2.20", 9, 500, "2.15"),
)
ALIBABA_ROWS = (
    WarrantRow("20115", _CALL, _JP, "1.05", 6),
    WarrantRow("20938", _PUT, _UB, "0.90", 6),
    WarrantRow("56442", _BULL, _SG, "0.45", 9, 100, "0.47"),
    WarrantRow("64180", _BEAR, _UB, "2.00", 9, 100, "1.95"),
)
ROWS_BY_OWNER = {
    SecurityKey(QotMarket.HK, "00700"): TENCENT_ROWS,
    SecurityKey(QotMarket.HK, "09988"): ALIBABA_ROWS,
}
"""Which codes stand on which owner."""

_WORDS = {_CALL: "购", _PUT: "沽", _BULL: "牛", _BEAR: "熊", _INLINE: "界内"}
_MONTHS = "一二三四五六七八九十"
# An inline warrant pays one dollar or nothing and is worth less than that; its price goes its own way.
_INLINE_PRICE = Decimal("0.4")
_INLINE_VOLATILITY = 0.01
_ISSUE_SIZE = 100_000_000
_LOT_SIZE = {_CALL: 10_000, _PUT: 10_000, _BULL: 10_000, _BEAR: 10_000, _INLINE: 1_000}


def warrants(owner: Instrument, today: date) -> list[Instrument]:
    """The warrants and CBBCs on an owner, by code; empty when it has none."""
    return [_warrant(row, owner, today) for row in ROWS_BY_OWNER.get(owner.key, ())]


def _month_word(month: int) -> str:
    return _MONTHS[month - 1] if month <= 10 else f"十{_MONTHS[month - 11]}"


def _price(owner: Instrument, fraction: str) -> Decimal:
    return (owner.base_price * Decimal(fraction)).quantize(Decimal("0.001"))


def _warrant(row: WarrantRow, owner: Instrument, today: date) -> Instrument:
    market = QotMarket.HK
    listed = date(today.year - 1, 11, 3)
    maturity = hk_month_expiry(today.year + 1, row.month)
    lower, upper = row.bounds or ("", "")
    return Instrument(
        key=SecurityKey(market, row.code),
        stock_id=stock_id(market, row.code, listed),
        name=f"{owner.name[:2]}{row.issuer.name}{_MONTHS[maturity.year % 10 - 1]}"
        f"{_month_word(row.month)}{_WORDS[row.warrant_type]}A",
        security_type=SecurityType.WARRANT,
        lot_size=_LOT_SIZE[row.warrant_type],
        currency=CURRENCY[market],
        list_date=listed,
        exchange=ExchType.HK_MAIN_BOARD,
        base_price=_INLINE_PRICE if row.warrant_type == _INLINE else owner.base_price,
        owner=owner.key,
        extra={
            Trading.KEY: Trading(16_000, _INLINE_VOLATILITY, 1),
            WarrantTerms.KEY: WarrantTerms(
                warrant_type=row.warrant_type,
                issuer=row.issuer.number,
                issuer_code=row.issuer.code,
                strike=_price(owner, row.strike),
                maturity=maturity,
                last_trade=maturity - timedelta(days=4 if row.warrant_type in (_CALL, _PUT, _INLINE) else 1),
                conversion_ratio=row.ratio,
                issue_size=_ISSUE_SIZE,
                recovery_price=_price(owner, row.recovery) if row.recovery else None,
                lower_bound=_price(owner, lower) if lower else None,
                upper_bound=_price(owner, upper) if upper else None,
            ),
        },
    )
