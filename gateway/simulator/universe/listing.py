"""Rows of the tables of stocks, funds and indices, and the instruments they stand for."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from gateway.simulator.model import Instrument, QotMarket, SecurityKey, SecurityType
from gateway.simulator.universe.stock_id import stock_id
from gateway.simulator.universe.terms import ExchType, Fundamentals, Trading

CURRENCY = {
    QotMarket.HK: "HKD",
    QotMarket.HK_FUTURE: "HKD",
    QotMarket.US: "USD",
    QotMarket.SH: "CNH",
    QotMarket.SZ: "CNH",
}
"""The trading currency of each market, by `Trd_Common.Currency`'s names."""


@dataclass(frozen=True, slots=True)
class Listing:
    """A stock, fund or index. Prices in the market's currency, `shares_m` in millions of shares."""

    code: str
    name: str
    list_date: str
    price: str
    lot_size: int
    daily_lots: int
    shares_m: int = 0
    earnings: float = 0.0
    net_asset: float = 0.0
    dividend: float = 0.0
    volatility: float = 0.015
    security_type: SecurityType = SecurityType.EQUITY
    exchange: ExchType | None = None
    tick_pairs: int = 4


_DEFAULT_EXCHANGE = {
    QotMarket.HK: ExchType.HK_MAIN_BOARD,
    QotMarket.US: ExchType.US_NASDAQ,
    QotMarket.SH: ExchType.CN_SH,
    QotMarket.SZ: ExchType.CN_SZ,
}


def instrument(market: QotMarket, row: Listing) -> Instrument:
    """The instrument that a row describes."""
    listed = date.fromisoformat(row.list_date)
    extra: dict[str, object] = {Trading.KEY: Trading(row.daily_lots, row.volatility, row.tick_pairs)}
    if row.shares_m:
        extra[Fundamentals.KEY] = Fundamentals(
            row.shares_m * 1_000_000, row.earnings, row.net_asset, row.dividend
        )
    return Instrument(
        key=SecurityKey(market, row.code),
        stock_id=stock_id(market, row.code, listed),
        name=row.name,
        security_type=row.security_type,
        lot_size=row.lot_size,
        currency=CURRENCY[market],
        list_date=listed,
        exchange=row.exchange or _DEFAULT_EXCHANGE[market],
        base_price=Decimal(row.price),
        extra=extra,
    )
