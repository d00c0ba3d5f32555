"""Figures of derivatives that quotes, snapshots, option chains and warrant lists share."""

from dataclasses import dataclass
from datetime import date

from gateway.simulator.market.market import Market
from gateway.simulator.market.moment import Moment
from gateway.simulator.market.pricing import Greeks, implied_volatility
from gateway.simulator.market.tick_table import PRICE_SCALE
from gateway.simulator.market.valuation import vanilla_contract
from gateway.simulator.model import Instrument, SecurityKey
from gateway.simulator.universe.terms import (
    OptionType,
    WarrantTerms,
    WarrantType,
    option_terms,
    trading_of,
    warrant_terms,
)

_RISING = (WarrantType.CALL, WarrantType.BULL)


@dataclass(frozen=True, slots=True)
class OptionFigures:
    """An option's figures now. Per cent are plain numbers: 25.3 is 25.3 %."""

    greeks: Greeks
    volatility_pct: float
    premium_pct: float
    open_interest: int
    net_open_interest: int
    days_left: int


@dataclass(frozen=True, slots=True)
class WarrantFigures:
    """A warrant's or CBBC's figures now. Rates are per cent, as plain numbers."""

    delta: float
    volatility_pct: float
    premium_pct: float
    leverage: float
    effective_leverage: float
    break_even: float
    in_the_money_pct: float
    street_volume: int
    street_pct: float
    price_recovery_pct: float
    score: float


def owner_price(market: Market, instrument: Instrument) -> float:
    """The last price of a derivative's owner."""
    return market.moment(_owner(instrument)).last / PRICE_SCALE


def _owner(instrument: Instrument) -> SecurityKey:
    if instrument.owner is None:
        raise TypeError(f"{instrument.key} has no owner")
    return instrument.owner


def _today(market: Market, instrument: Instrument) -> date:
    return market.today(instrument.key.market)


def option_figures(market: Market, instrument: Instrument, last: float) -> OptionFigures:
    """The figures of an option whose last price is `last`."""
    terms, owner = option_terms(instrument), market.find(_owner(instrument))
    day, spot = _today(market, instrument), owner_price(market, instrument)
    contract = vanilla_contract(instrument, owner)
    if terms is None or contract is None:
        raise TypeError(f"{instrument.key} is no option")
    vanilla = contract.option_on(day)
    sign = 1 if terms.option_type == OptionType.CALL else -1
    draw = market.randomness(instrument).integer(f"interest/{day}")
    interest = 200 + draw % 20_000
    return OptionFigures(
        greeks=vanilla.greeks(spot),
        volatility_pct=round(vanilla.volatility * 100, 3),
        premium_pct=round((sign * (vanilla.strike - spot) + last) * 100 / spot, 3),
        open_interest=interest,
        net_open_interest=draw // 20_000 % 2_000 - 1_000,
        days_left=(terms.expiry - day).days,
    )


def warrant_figures(market: Market, moment: Moment) -> WarrantFigures:
    """The figures of a warrant or CBBC."""
    instrument = moment.instrument
    terms = warrant_terms(instrument)
    if terms is None:
        raise TypeError(f"{instrument.key} is no warrant")
    last, spot = moment.last / PRICE_SCALE, owner_price(market, instrument)
    delta, volatility = _delta_and_volatility(market, instrument, terms, spot)
    sign = 1 if terms.warrant_type in _RISING else -1
    break_even = float(terms.strike) + sign * last * terms.conversion_ratio
    leverage = spot / (last * terms.conversion_ratio)
    street = market.randomness(instrument).integer(f"street/{_today(market, instrument)}") % 6_000 / 100
    return WarrantFigures(
        delta=round(delta, 4),
        volatility_pct=round(volatility * 100, 3),
        premium_pct=round(sign * (break_even - spot) * 100 / spot, 3),
        leverage=round(leverage, 3),
        effective_leverage=round(abs(leverage * delta), 3),
        break_even=round(break_even, 3),
        in_the_money_pct=round(_in_the_money(terms, spot) * 100, 3),
        street_volume=int(terms.issue_size * street / 100),
        street_pct=street,
        price_recovery_pct=_recovery_distance(terms, spot),
        score=round(40 + street * 0.9, 1),
    )


def _delta_and_volatility(
    market: Market, instrument: Instrument, terms: WarrantTerms, spot: float
) -> tuple[float, float]:
    owner = market.find(_owner(instrument))
    contract = vanilla_contract(instrument, owner)
    if contract is not None:
        return contract.option_on(_today(market, instrument)).greeks(spot).delta, contract.volatility
    volatility = implied_volatility(trading_of(owner).volatility, spot, float(owner.base_price))
    return {WarrantType.BULL: 1.0, WarrantType.BEAR: -1.0}.get(terms.warrant_type, 0.0), volatility


def _in_the_money(terms: WarrantTerms, spot: float) -> float:
    """How far in the money, as a fraction of the strike or of the range; negative is out."""
    if terms.lower_bound is not None and terms.upper_bound is not None:
        low, high = float(terms.lower_bound), float(terms.upper_bound)
        return min(spot - low, high - spot) / (high - low)
    strike = float(terms.strike)
    return (spot - strike) / strike if terms.warrant_type in _RISING else (strike - spot) / strike


def _recovery_distance(terms: WarrantTerms, spot: float) -> float:
    if terms.recovery_price is None:
        return 0.0
    recovery = float(terms.recovery_price)
    return round((spot - recovery) * 100 / recovery, 3)


def future_position(market: Market, instrument: Instrument) -> tuple[int, int]:
    """A futures contract's open interest, and its change since the day before."""
    draw = market.randomness(instrument).integer(f"position/{_today(market, instrument)}")
    return 40_000 + draw % 60_000, draw // 60_000 % 4_000 - 2_000
