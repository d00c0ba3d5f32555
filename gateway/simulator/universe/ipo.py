"""Coming IPOs. The companies are invented; the dates stand relative to the day that asks."""

from dataclasses import dataclass
from decimal import Decimal

from gateway.simulator.model import QotMarket


@dataclass(frozen=True, slots=True)
class Offering:
    """One IPO. Days count from the day of the question, prices are in the market's currency."""

    market: QotMarket
    code: str
    name: str
    list_in_days: int
    price_min: Decimal
    price_max: Decimal
    issue_size: int
    lot_size: int = 100
    apply_in_days: int = 0
    draw_in_days: int = 0


OFFERINGS = (
    Offering(QotMarket.HK, "02698", "海晨医疗-B", 9, Decimal("12.8"), Decimal("15.6"), 48_000_000, 200, 4),
    Offering(QotMarket.HK, "06651", "星途智驾", 14, Decimal("28"), Decimal("33.5"), 90_000_000, 100, 8),
    Offering(QotMarket.US, "NXQL", "NexaQuill Inc", 6, Decimal("16"), Decimal("18"), 12_500_000),
    Offering(QotMarket.US, "BRVA", "Brevana Therapeutics", 11, Decimal("14"), Decimal("16"), 9_000_000),
    Offering(QotMarket.SH, "688799", "华芯微测", 10, Decimal("26.5"), Decimal("26.5"), 40_000_000, 500, 2, 4),
    Offering(
        QotMarket.SZ, "301699", "启明材料", 12, Decimal("18.32"), Decimal("18.32"), 32_000_000, 500, 3, 5
    ),
)


def offerings(market: QotMarket) -> list[Offering]:
    """A market's coming IPOs. Shanghai and Shenzhen give each other's too, as OpenD does."""
    mainland = (QotMarket.SH, QotMarket.SZ)
    markets = mainland if market in mainland else (market,)
    return [offering for offering in OFFERINGS if offering.market in markets]
