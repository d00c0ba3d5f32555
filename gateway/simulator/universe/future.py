"""Hong Kong index futures: dated contracts and the continuous codes that stand for one of them.

They live in the wire's market 1, as the documentation's `HK.HSImain` does.
"""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from gateway.simulator.model import Instrument, QotMarket, SecurityKey, SecurityType
from gateway.simulator.universe.expiry import hk_month_expiry, month_after
from gateway.simulator.universe.listing import CURRENCY
from gateway.simulator.universe.stock_id import stock_id
from gateway.simulator.universe.terms import ExchType, FutureTerms, Trading


@dataclass(frozen=True, slots=True)
class FutureProduct:
    """A family of contracts. `multiplier` is the value of an index point in the currency."""

    prefix: str
    name: str
    multiplier: int
    owner: SecurityKey
    owner_name: str
    base_price: str
    daily_contracts: int
    listed: date


PRODUCTS = (
    FutureProduct(
        "HSI", "恒指期货", 50, SecurityKey(QotMarket.HK, "800000"), "恒生指数", "25000", 160_000,
        date(1986, 5, 6),
    ),
    FutureProduct(
        "MHI", "小型恒指期货", 10, SecurityKey(QotMarket.HK, "800000"), "恒生指数", "25000", 220_000,
        date(2000, 10, 9),
    ),
    FutureProduct(
        "HTI", "恒生科技指数期货", 50, SecurityKey(QotMarket.HK, "800700"), "恒生科技指数", "5600", 120_000,
        date(2020, 11, 23),
    ),
)  # fmt: skip

_CONTINUOUS = {"main": ("主连", 0), "current": ("当月", 0), "next": ("下月", 1)}
_MIN_CHANGE = Decimal(1)


def contract_months(today: date) -> list[date]:
    """The contract months on offer: the spot month, the next, and the next two quarter months."""
    spot = today.replace(day=1)
    if today > hk_month_expiry(today.year, today.month):
        spot = month_after(today, 1)
    quarters = [month for ahead in range(2, 9) if (month := month_after(spot, ahead)).month % 3 == 0]
    return [spot, month_after(spot, 1), *quarters[:2]]


def futures(today: date, prefix: str = "") -> list[Instrument]:
    """The futures on offer on a day, the continuous ones first: of one product, or all."""
    return [
        future
        for product in PRODUCTS
        if prefix in ("", product.prefix)
        for suffix in (*_CONTINUOUS, *(f"{month:%y%m}" for month in contract_months(today)))
        if (future := future_named(f"{product.prefix}{suffix}", today)) is not None
    ]


def future_named(code: str, today: date) -> Instrument | None:
    """The futures instrument of a code such as HSImain or HSI2612; None when not on offer."""
    for product in PRODUCTS:
        suffix = code.removeprefix(product.prefix)
        if suffix == code:
            continue
        months = contract_months(today)
        if suffix in _CONTINUOUS:
            label, place = _CONTINUOUS[suffix]
            return _contract(product, code, f"{product.name}{label}", months[place], is_continuous=True)
        for month in months:
            if suffix == f"{month:%y%m}":
                return _contract(product, code, f"{product.name}{suffix}", month, is_continuous=False)
    return None


def _contract(
    product: FutureProduct, code: str, name: str, month: date, *, is_continuous: bool
) -> Instrument:
    market = QotMarket.HK
    listed = product.listed if is_continuous else month_after(month, -12)
    return Instrument(
        key=SecurityKey(market, code),
        stock_id=stock_id(market, code, listed),
        name=name,
        security_type=SecurityType.FUTURE,
        lot_size=1,
        currency=CURRENCY[market],
        list_date=listed,
        exchange=ExchType.HK_HKEX,
        base_price=Decimal(product.base_price),
        owner=product.owner,
        contract_multiplier=Decimal(product.multiplier),
        extra={
            Trading.KEY: Trading(product.daily_contracts, 0.012, 5),
            FutureTerms.KEY: FutureTerms(
                last_trade=hk_month_expiry(month.year, month.month),
                origin_code=f"{product.prefix}{month:%y%m}",
                product=product.prefix,
                owner_name=product.owner_name,
                min_change=_MIN_CHANGE,
                is_continuous=is_continuous,
            ),
        },
    )
