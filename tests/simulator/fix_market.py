"""A market of a few securities whose books a test sets."""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal

from gateway.simulator.model import (
    Instrument,
    Level,
    OrderBook,
    QotMarket,
    Quote,
    Refusal,
    SecurityKey,
    SecurityType,
)

TENCENT = SecurityKey(QotMarket.HK, "00700")
CK_HUTCHISON = SecurityKey(QotMarket.HK, "00001")
SSE_INDEX = SecurityKey(QotMarket.SH, "000001")
WARRANT = SecurityKey(QotMarket.HK, "13590")
APPLE = SecurityKey(QotMarket.US, "AAPL")
APPLE_CALL = SecurityKey(QotMarket.US, "AAPL270115C300000")
MOUTAI = SecurityKey(QotMarket.SH, "600519")
BANK = SecurityKey(QotMarket.SZ, "000001")


def _instrument(
    key: SecurityKey, name: str, lot_size: int, currency: str, price: str, kind: SecurityType
) -> Instrument:
    return Instrument(
        key=key,
        stock_id=int.from_bytes(key.code.encode()[:6]),
        name=name,
        security_type=kind,
        lot_size=lot_size,
        currency=currency,
        list_date=date(2010, 1, 4),
        exchange=1,
        base_price=Decimal(price),
        contract_multiplier=Decimal(100) if kind is SecurityType.OPTION else Decimal(1),
    )


INSTRUMENTS = {
    item.key: item
    for item in (
        _instrument(TENCENT, "腾讯控股", 100, "HKD", "400", SecurityType.EQUITY),
        _instrument(CK_HUTCHISON, "长和", 500, "HKD", "50", SecurityType.EQUITY),
        _instrument(SSE_INDEX, "上证指数", 1, "CNH", "3000", SecurityType.INDEX),
        _instrument(WARRANT, "腾讯认购证", 10000, "HKD", "0.2", SecurityType.WARRANT),
        _instrument(APPLE, "苹果", 1, "USD", "200", SecurityType.EQUITY),
        _instrument(APPLE_CALL, "苹果认购", 1, "USD", "10", SecurityType.OPTION),
        _instrument(MOUTAI, "贵州茅台", 100, "CNH", "1500", SecurityType.EQUITY),
        _instrument(BANK, "平安银行", 100, "CNH", "10", SecurityType.EQUITY),
    )
}

TICKS = {
    TENCENT: Decimal("0.2"),
    CK_HUTCHISON: Decimal("0.05"),
    WARRANT: Decimal("0.001"),
}


@dataclass
class FakeMarket:
    """Every security starts with one deep level on each side, a tick off its base price."""

    time: datetime = datetime(2026, 3, 2, 3, 0, tzinfo=UTC)

    def __post_init__(self) -> None:
        self.is_open = True
        self.expired: set[SecurityKey] = set()
        self.last = {key: item.base_price for key, item in INSTRUMENTS.items()}
        self.books: dict[SecurityKey, OrderBook] = {}
        for key, price in self.last.items():
            tick = self.price_tick(key, price)
            self.set_book(key, bids=[(price - tick, 10_000)], asks=[(price + tick, 10_000)])

    def find(self, key: SecurityKey) -> Instrument:
        if key not in INSTRUMENTS or key in self.expired:
            raise Refusal("未知股票")
        return INSTRUMENTS[key]

    def quote(self, key: SecurityKey) -> Quote:
        last = self.last[self.find(key).key]
        base = INSTRUMENTS[key].base_price
        return Quote(last, base, last, last, base, 1000, last * 1000, self.time)

    def order_book(self, key: SecurityKey) -> OrderBook:
        return self.books[self.find(key).key]

    def price_tick(self, key: SecurityKey, price: Decimal) -> Decimal:
        return TICKS.get(key, Decimal("0.01"))

    def is_trading(self, key: SecurityKey) -> bool:
        return self.is_open and self.find(key) is not None

    def set_book(
        self,
        key: SecurityKey,
        bids: list[tuple[str | int | Decimal, int]],
        asks: list[tuple[str | int | Decimal, int]],
    ) -> None:
        """Levels as (price, volume), best first."""
        self.books[key] = OrderBook(_levels(bids), _levels(asks), self.time)


def _levels(pairs: list[tuple[str | int | Decimal, int]]) -> tuple[Level, ...]:
    return tuple(Level(Decimal(price), volume, 1) for price, volume in pairs)
