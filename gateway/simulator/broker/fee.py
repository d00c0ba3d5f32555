"""What an order costs on a real account, by market and side.

The titles are those of OpenD's own answer; the rates are a plausible retail schedule, not a published one.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_HALF_UP, Decimal
from types import MappingProxyType

from gateway.schema.trade import TrdSide
from gateway.simulator.broker.enums import TrdMarket
from gateway.simulator.broker.number import CENT, ZERO


@dataclass(frozen=True, slots=True)
class FeeItem:
    """One line of a fee: its title and its amount in the currency of the market."""

    title: str
    value: Decimal


@dataclass(frozen=True, slots=True)
class _Rate:
    title: str
    of_value: Decimal = ZERO
    of_qty: Decimal = ZERO
    minimum: Decimal = ZERO
    step: Decimal = CENT
    rounding: str = ROUND_HALF_UP
    only_for: Callable[[TrdSide], bool] | None = None

    def item(self, side: TrdSide, qty: Decimal, value: Decimal) -> FeeItem:
        if self.only_for is not None and not self.only_for(side):
            return FeeItem(self.title, ZERO)
        amount = max(value * self.of_value + qty * self.of_qty, self.minimum)
        return FeeItem(self.title, amount.quantize(self.step, rounding=self.rounding))


def _is_sale(side: TrdSide) -> bool:
    return not side.is_buy


_SCHEDULE: Mapping[TrdMarket, tuple[_Rate, ...]] = MappingProxyType(
    {
        TrdMarket.HK: (
            _Rate("佣金", of_value=Decimal("0.0003"), minimum=Decimal(3)),
            _Rate("平台使用费", minimum=Decimal(15)),
            _Rate("交易系统使用费"),
            _Rate("交收费", of_value=Decimal("0.00002"), minimum=Decimal("5.5")),
            _Rate("印花税", of_value=Decimal("0.001"), step=Decimal(1), rounding=ROUND_CEILING),
            _Rate("交易费", of_value=Decimal("0.0000565"), minimum=CENT),
            _Rate("交易征费", of_value=Decimal("0.000027"), minimum=CENT),
        ),
        TrdMarket.US: (
            _Rate("佣金", of_qty=Decimal("0.0049"), minimum=Decimal("0.99")),
            _Rate("平台使用费", of_qty=Decimal("0.005"), minimum=Decimal(1)),
            _Rate("交收费", of_qty=Decimal("0.003")),
            _Rate("证监会规费", of_value=Decimal("0.0000278"), minimum=CENT, only_for=_is_sale),
            _Rate("交易活动费", of_qty=Decimal("0.000166"), minimum=CENT, only_for=_is_sale),
        ),
        TrdMarket.HKCC: (
            _Rate("佣金", of_value=Decimal("0.0003"), minimum=Decimal(3)),
            _Rate("平台使用费", minimum=Decimal(15)),
            _Rate("经手费", of_value=Decimal("0.0000341")),
            _Rate("证管费", of_value=Decimal("0.00002")),
            _Rate("过户费", of_value=Decimal("0.00001")),
            _Rate("印花税", of_value=Decimal("0.0005"), only_for=_is_sale),
        ),
    }
)


def fee_items(market: TrdMarket, side: TrdSide, qty: Decimal, value: Decimal) -> tuple[FeeItem, ...]:
    """The fee of an order of which `qty` filled for `value` in all. Nothing filled, nothing due.

    It never falls as `qty` and `value` grow, so a part of an order never costs more than the whole.
    """
    if not qty:
        return ()
    return tuple(rate.item(side, qty, value) for rate in _SCHEDULE[market])


def fee_of(market: TrdMarket, side: TrdSide, qty: Decimal, value: Decimal) -> Decimal:
    """The sum of `fee_items`."""
    return sum((item.value for item in fee_items(market, side, qty, value)), start=ZERO)
