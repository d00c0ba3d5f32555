"""The basic quote: `Qot_Common.BasicQot`, with the parts that depend on the type of security."""

from dataclasses import asdict

from gateway.simulator.market.market import Market
from gateway.simulator.market.moment import Moment
from gateway.simulator.market.tick_table import PRICE_SCALE, step_at
from gateway.simulator.model import Instrument, QotMarket, SecurityType
from gateway.simulator.quote.fields import (
    Fields,
    amount,
    heading,
    listed_on,
    per_cent,
    price,
    rounded,
    time_text,
    volume,
)
from gateway.simulator.quote.figures import (
    OptionFigures,
    future_position,
    option_figures,
    owner_price,
    warrant_figures,
)
from gateway.simulator.universe.terms import fundamentals_of, future_terms, option_terms

SECURITY_NORMAL = 1
_AMERICAN, _EUROPEAN = 1, 2
_FLOAT_SHARE = 98
_EXTENDED_SHARE = 40


def outstanding_shares(instrument: Instrument) -> int:
    """The shares that can be traded; 0 for what has no shares."""
    fundamentals = fundamentals_of(instrument)
    return fundamentals.issued_shares * _FLOAT_SHARE // 100 if fundamentals else 0


def prices(moment: Moment) -> Fields:
    """The fields that a basic quote and a snapshot share."""
    instrument = moment.instrument
    calendar = moment.source.calendar
    shares = volume(instrument, moment.lots)
    return {
        **listed_on(instrument, calendar.zone),
        "priceSpread": price(step_at(instrument, moment.last)),
        "updateTime": time_text(calendar.local(moment.time_s)),
        "highPrice": price(moment.high),
        "openPrice": price(moment.open),
        "lowPrice": price(moment.low),
        "curPrice": price(moment.last),
        "lastClosePrice": price(moment.previous_close),
        "volume": shares,
        "turnover": amount(instrument, moment.turnover),
        "turnoverRate": per_cent(shares, outstanding_shares(instrument)),
        "amplitude": per_cent(moment.high - moment.low, moment.previous_close),
        "updateTimestamp": moment.time_s,
        "secStatus": SECURITY_NORMAL,
        "hpVolume": float(shares),
    }


def extended_sessions(market: Market, moment: Moment) -> Fields:
    """What traded before and after the regular hours, for US stocks and funds; else nothing."""
    instrument = moment.instrument
    if instrument.key.market != QotMarket.US or instrument.security_type not in _EXTENDED_TYPES:
        return {}
    day = moment.trading_day.day
    draw = market.randomness(instrument).uniforms(f"extended/{day}", 6)
    before = _session(moment, moment.open, moment.previous_close, draw[:3])
    after = _session(moment, moment.previous_close, moment.previous_close, draw[3:])
    return {"preMarket": before, "afterMarket": after}


_EXTENDED_TYPES = (SecurityType.EQUITY, SecurityType.TRUST)


def _session(moment: Moment, around: int, reference: int, draw: tuple[float, ...]) -> Fields:
    """A `PreAfterMarketData` with prices near `around`, changes against `reference`."""
    instrument = moment.instrument
    step = step_at(instrument, around)
    reach = max(around // 500 // step, 2)
    high, low = around + reach * step, around - reach * step
    last = around + round(draw[0] * reach) * step
    shares = int(moment.source.day_bar(moment.trading_day.day).lots * (2 + draw[1]) / _EXTENDED_SHARE)
    return {
        "price": price(last),
        "highPrice": price(high),
        "lowPrice": price(low),
        "volume": shares * instrument.lot_size,
        "turnover": amount(instrument, shares * around),
        "changeVal": price(last - reference),
        "changeRate": per_cent(last - reference, reference),
        "amplitude": per_cent(high - low, reference),
    }


def option_fields(market: Market, moment: Moment) -> Fields:
    """The fields that an option's basic quote and its snapshot share."""
    terms = option_terms(moment.instrument)
    if terms is None or moment.instrument.owner is None:
        return {}
    figures = option_figures(market, moment.instrument, moment.last / PRICE_SCALE)
    on_index = market.find(moment.instrument.owner).security_type == SecurityType.INDEX
    fields: Fields = {
        "strikePrice": float(terms.strike),
        "contractSize": terms.contract_size,
        "contractSizeFloat": float(terms.contract_size),
        **greek_fields(figures),
        "contractNominalValue": round(owner_price(market, moment.instrument) * terms.contract_size, 3),
        "ownerLotMultiplier": terms.contract_size / market.find(moment.instrument.owner).lot_size,
        "optionAreaType": _EUROPEAN if on_index else _AMERICAN,
        "contractMultiplier": float(terms.contract_size),
    }
    if on_index:
        fields["indexOptionType"] = 1
    return fields


def greek_fields(figures: OptionFigures) -> Fields:
    """Sensitivities and open interest by their protocol names."""
    return {
        "openInterest": figures.open_interest,
        "netOpenInterest": figures.net_open_interest,
        "expiryDateDistance": figures.days_left,
        "impliedVolatility": figures.volatility_pct,
        "premium": figures.premium_pct,
        **rounded(asdict(figures.greeks), 6),
    }


def _option_part(market: Market, moment: Moment) -> Fields:
    return {"optionExData": option_fields(market, moment)}


def _future_part(market: Market, moment: Moment) -> Fields:
    terms = future_terms(moment.instrument)
    if terms is None:
        return {}
    position, change = future_position(market, moment.instrument)
    return {
        "futureExData": {
            "lastSettlePrice": price(moment.previous_close),
            "position": position,
            "positionChange": change,
            "expiryDateDistance": (terms.last_trade - moment.trading_day.day).days,
        }
    }


def _warrant_part(market: Market, moment: Moment) -> Fields:
    figures = warrant_figures(market, moment)
    return {
        "warrantExData": {
            "delta": figures.delta,
            "impliedVolatility": figures.volatility_pct,
            "premium": figures.premium_pct,
        }
    }


_PARTS = {
    SecurityType.OPTION: _option_part,
    SecurityType.FUTURE: _future_part,
    SecurityType.WARRANT: _warrant_part,
}


def basic_quote(market: Market, moment: Moment) -> Fields:
    """A `Qot_Common.BasicQot`, kept until the security's next tick."""
    return market.small_memo.get("basic quote", moment, lambda now: _basic_quote(market, now))


def _basic_quote(market: Market, moment: Moment) -> Fields:
    part = _PARTS.get(moment.instrument.security_type)
    return {
        **heading(moment),
        "isSuspended": False,
        "darkStatus": 0,
        **prices(moment),
        **extended_sessions(market, moment),
        **(part(market, moment) if part else {}),
    }
