"""Option chains: 3209."""

from collections.abc import Callable, Mapping
from datetime import date, timedelta
from typing import Any

from gateway.simulator.market.market import Market
from gateway.simulator.market.valuation import contract_of
from gateway.simulator.model import Call, Handler, Instrument, Refusal
from gateway.simulator.quote.fields import Fields, midnight_s, parse_day, security_key, within
from gateway.simulator.quote.figures import OptionFigures, option_figures, owner_price
from gateway.simulator.quote.static import static_info
from gateway.simulator.universe.terms import OptionType, option_terms

_LONGEST = timedelta(days=30)
_IN_THE_MONEY, _OUT_OF_THE_MONEY = 1, 2
_BOTH_TYPES = 0

_FILTERED: Mapping[str, Callable[[OptionFigures], float]] = {
    "impliedVolatility": lambda figures: figures.volatility_pct,
    "delta": lambda figures: figures.greeks.delta,
    "gamma": lambda figures: figures.greeks.gamma,
    "vega": lambda figures: figures.greeks.vega,
    "theta": lambda figures: figures.greeks.theta,
    "rho": lambda figures: figures.greeks.rho,
    "netOpenInterest": lambda figures: figures.net_open_interest,
    "openInterest": lambda figures: figures.open_interest,
}
"""What the pairs of bounds in a `DataFilter` are about; `vol` apart, which needs the day's trades."""


class OptionChainHandlers:
    """Answers with the options on a security."""

    def __init__(self, market: Market) -> None:
        self._market = market

    def table(self) -> Mapping[int, Handler]:
        """The handlers by protocol."""
        return {3209: self.option_chain}

    def option_chain(self, call: Call) -> Fields:
        """The chains that expire within a period, restricted by type, money and figures."""
        c2s = call.c2s
        owner = self._market.find(security_key(c2s.owner))
        begin, end = parse_day(c2s.beginTime), parse_day(c2s.endTime)
        if end < begin:
            raise Refusal("参数错误: 开始时间晚于结束时间")
        if end - begin > _LONGEST:
            raise Refusal(f"时间跨度超过限制，最多{_LONGEST.days}天")
        expiries = self._market.universe.expiries(owner.key, self._market.today(owner.key.market))
        chains = [self._chain(owner, expiry, c2s) for expiry in expiries if begin <= expiry <= end]
        return {"optionChain": [chain for chain in chains if chain["option"]]}

    def _chain(self, owner: Instrument, expiry: date, c2s: Any) -> Fields:
        items = []
        for call_option, put_option in self._market.universe.option_chain(owner, expiry):
            sides = (("call", call_option), ("put", put_option))
            item = {
                side: static_info(self._market, option)
                for side, option in sides
                if self._is_wanted(owner, option, c2s)
            }
            if item:
                items.append(item)
        zone = self._market.calendar(owner).zone
        return {"strikeTime": f"{expiry}", "option": items, "strikeTimestamp": midnight_s(expiry, zone)}

    def _is_wanted(self, owner: Instrument, option: Instrument, c2s: Any) -> bool:
        terms = option_terms(option)
        if terms is None or c2s.type not in (_BOTH_TYPES, terms.option_type):
            return False
        if c2s.condition in (_IN_THE_MONEY, _OUT_OF_THE_MONEY):
            spot = owner_price(self._market, option)
            is_call = terms.option_type == OptionType.CALL
            inside = spot > terms.strike if is_call else spot < terms.strike
            if inside != (c2s.condition == _IN_THE_MONEY):
                return False
        return not c2s.HasField("dataFilter") or self._passes(owner, option, c2s.dataFilter)

    def _passes(self, owner: Instrument, option: Instrument, bounds: Any) -> bool:
        contract = contract_of(option, owner)
        if contract is None:
            return False
        terms = contract.on(self._market.today(option.key.market))
        (value,) = terms.values([owner_price(self._market, option)])
        figures = option_figures(self._market, option, value)
        if not all(within(figure(figures), bounds, f"{n}Min", f"{n}Max") for n, figure in _FILTERED.items()):
            return False
        if not (bounds.HasField("volMin") or bounds.HasField("volMax")):
            return True
        return within(self._market.moment(option.key).lots, bounds, "volMin", "volMax")
