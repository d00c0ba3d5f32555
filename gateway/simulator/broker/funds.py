"""`Trd_Common.Funds` and `MaxTrdQtys` of an account."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from gateway.schema.trade import TrdSide
from gateway.simulator.broker.account import Account
from gateway.simulator.broker.enums import CltRiskLevel, CltRiskStatus, Currency, TrdMarket
from gateway.simulator.broker.margin import margin_terms
from gateway.simulator.broker.number import CENT, ZERO, to_lots
from gateway.simulator.broker.order import Order
from gateway.simulator.broker.power import (
    Valuation,
    available_cash,
    buy_back_qty,
    can_sell_short,
    sellable_qty,
)
from gateway.simulator.broker.rules import RULES, rules_of
from gateway.simulator.model import Instrument, MarketView

_POWER_RATIO = Decimal("0.5")
_SHORT_POWER_RATIO = Decimal("0.6")
"""OpenD reckons buying and short-selling power with these initial ratios, whatever the security's own."""

_MARKET_CURRENCY = {rules.real_market: rules.currency for rules in RULES.values()}


def funds_fields(account: Account, market: MarketView, currency: Currency) -> dict[str, Any]:
    """The account's funds in `currency`, whole cents."""
    value = Valuation(account, market, currency)
    cash, frozen, equity = value.cash, value.frozen, value.equity
    available = max(value.available(), ZERO)
    withdrawable = max(min(cash - frozen, available), ZERO)
    is_margin = account.profile.is_margin
    amounts = {
        "power": available / _POWER_RATIO if is_margin else available,
        "totalAssets": equity,
        "cash": cash,
        "marketVal": value.market_value(),
        "frozenCash": frozen,
        "debtCash": value.debt,
        "avlWithdrawalCash": withdrawable,
        "availableFunds": available,
        "unrealizedPL": value.unrealized,
        "realizedPL": value.realized,
        "netCashPower": max(cash - frozen, ZERO),
        "longMv": value.market_value(is_long=True),
        "shortMv": value.market_value(is_long=False),
        "pendingAsset": ZERO,
        "maxWithdrawal": withdrawable,
        "securitiesAssets": equity,
        "fundAssets": ZERO,
        "bondAssets": ZERO,
    }
    if is_margin:
        margins = value.margins
        amounts["maxPowerShort"] = available / _SHORT_POWER_RATIO
        amounts["initialMargin"] = margins.initial
        amounts["marginCallMargin"] = margins.call
        amounts["maintenanceMargin"] = margins.maintenance
    fields: dict[str, Any] = {name: _cents(amount) for name, amount in amounts.items()}
    fields["currency"] = int(currency)
    fields |= _risk(value)
    if account.profile.is_universal:
        fields["cashInfoList"] = [_cash_info(account, held) for held in account.cash]
        fields["marketInfoList"] = [_market_info(value, trd_market) for trd_market in account.profile.markets]
    return fields


def _cents(amount: Decimal) -> float:
    return float(amount.quantize(CENT))


def _risk(value: Valuation) -> Mapping[str, int]:
    margins, equity = value.margins, value.equity
    if equity >= margins.initial:
        return {"riskLevel": CltRiskLevel.SAFE.value, "riskStatus": CltRiskStatus.LEVEL1.value}
    if equity >= margins.maintenance:
        return {"riskLevel": CltRiskLevel.WARNING.value, "riskStatus": CltRiskStatus.LEVEL4.value}
    return {"riskLevel": CltRiskLevel.DANGER.value, "riskStatus": CltRiskStatus.LEVEL7.value}


def _cash_info(account: Account, currency: Currency) -> dict[str, Any]:
    free = max(available_cash(account, currency), ZERO)
    return {
        "currency": int(currency),
        "cash": _cents(account.cash[currency]),
        "availableBalance": _cents(free),
        "netCashPower": _cents(free),
    }


def _market_info(value: Valuation, trd_market: TrdMarket) -> dict[str, Any]:
    """The assets in one market, in its own currency: its positions and the cash of its currency."""
    currency = _MARKET_CURRENCY[trd_market]
    held = sum(
        (
            holding.value
            for holding in value.holdings
            if rules_of(holding.position.instrument.key).real_market is trd_market
        ),
        start=ZERO,
    )
    return {"trdMarket": int(trd_market), "assets": _cents(value.account.cash.get(currency, ZERO) + held)}


def max_qty_fields(
    account: Account, market: MarketView, instrument: Instrument, price: Decimal, changing: Order | None
) -> dict[str, Any]:
    """The most that the account may trade at `price`, in whole lots; what `changing` holds counts as free."""
    key, terms = instrument.key, margin_terms(instrument)
    currency = rules_of(key).currency
    unit = price * instrument.contract_multiplier
    in_short = account.held_qty(key) < 0
    cash = max(available_cash(account, currency, without=changing), ZERO)
    max_cash_buy = ZERO if in_short else _affordable(account, instrument, unit, cash, Decimal(1))
    fields = {
        "maxCashBuy": float(max_cash_buy),
        "maxPositionSell": float(to_lots(sellable_qty(account, key, without=changing), instrument.lot_size)),
    }
    if account.profile.is_margin:
        available = Valuation(account, market, currency).available(without=changing)
        free = max(available, ZERO)
        buy = ZERO if in_short else _affordable(account, instrument, unit, free, terms.initial_long)
        short = ZERO
        if can_sell_short(account, instrument):
            short = to_lots(free / (unit * terms.initial_short), instrument.lot_size)
        fields["maxCashAndMarginBuy"] = float(max(buy, max_cash_buy))
        fields["maxSellShort"] = float(short)
        fields["maxBuyBack"] = float(buy_back_qty(account, key, without=changing))
        fields["longRequiredIM"] = float(unit * terms.initial_long * instrument.lot_size)
        fields["shortRequiredIM"] = float(unit * terms.initial_short * instrument.lot_size)
    return fields


def _affordable(
    account: Account, instrument: Instrument, unit: Decimal, money: Decimal, ratio: Decimal
) -> Decimal:
    """The whole lots that `money` pays for, fees included, when `ratio` of their value must be there."""
    qty = to_lots(money / (unit * ratio), instrument.lot_size)
    fee = account.fee(rules_of(instrument.key), TrdSide.BUY, qty, qty * unit)
    return to_lots((money - fee) / (unit * ratio), instrument.lot_size)
