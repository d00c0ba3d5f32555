"""What OpenD knows of a security: what one unit of it at a price of 1 is worth, and its quote.

What kind of security a listing is hardly changes, so it is asked once and kept; prices are never kept.
Whatever OpenD does not tell is None: an order whose worth depends on it has no known worth.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from gateway.opend.client import CallKind, Client
from gateway.opend.errors import OpenDError
from gateway.order import CURRENCIES
from gateway.schema.descriptors import WireMessage
from gateway.schema.protocols import protocol_named
from gateway.trading.amount import known
from gateway.trading.listing import Listing
from gateway.trading.pricing import Quote
from gateway.trading.wire import SecurityType

STATIC_INFO = protocol_named("Qot_GetStaticInfo")
SNAPSHOT = protocol_named("Qot_GetSecuritySnapshot")
FUTURE_INFO = protocol_named("Qot_GetFutureInfo")

MAX_KEPT = 4096

PRICED_BY_UNIT = frozenset(
    {
        SecurityType.BOND,
        SecurityType.BWRT,
        SecurityType.EQTY,
        SecurityType.TRUST,
        SecurityType.WARRANT,
        SecurityType.CRYPTO,
    }
)
"""Securities that cost their price times their quantity. A bond's price may be per cent of its face
value, and then this is too much: the safe side."""

DERIVATIVES = frozenset({SecurityType.DRVT, SecurityType.FUTURE})
"""Contracts, worth their price times a multiplier."""

_CURRENCY_WORDS = {
    "港元": "HKD",
    "美元": "USD",
    "人民币": "CNH",
    "离岸人民币": "CNH",
    "日元": "JPY",
    "日圆": "JPY",
    "新加坡元": "SGD",
    "新元": "SGD",
    **{name: name for name in CURRENCIES},
}
"""`Qot_GetFutureInfo.FutureInfo.quoteCurrency`, as OpenD in Chinese words it. Other words are no answer."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Instrument:
    """`multiplier` is the money, in `currency`, that one share or contract costs at a price of 1."""

    multiplier: Decimal
    currency: str


@dataclass(frozen=True, slots=True)
class Look:
    """What one look at the market gave."""

    instrument: Instrument | None = None
    quote: Quote | None = None


class Instruments:
    """The securities that this worker has met, and the way to ask for their quotes."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._kept: dict[str, Instrument] = {}

    def known(self, listing: Listing) -> Instrument | None:
        """What is known of a security without asking."""
        return self._kept.get(listing.symbol)

    def find(self, listing: Listing) -> Instrument | None:
        """What is known of a security, asked for at the first time."""
        kept = self.known(listing)
        if kept:
            return kept
        info = self._ask_one(STATIC_INFO, "staticInfoList", listing, lambda each: each.basic.security)
        if info is None:
            return None
        if info.basic.secType in DERIVATIVES:
            return self.look(listing).instrument
        return self._learn(listing, info.basic.secType, None)

    def look(self, listing: Listing) -> Look:
        """The security's quote, from one snapshot; and what kind it is."""
        snapshot = self._ask_one(SNAPSHOT, "snapshotList", listing, lambda each: each.basic.security)
        if snapshot is None:
            return Look()
        instrument = self.known(listing) or self._learn(
            listing, snapshot.basic.type, contract_multiplier(snapshot)
        )
        return Look(instrument, _quote(snapshot.basic))

    def _learn(self, listing: Listing, security_type: int, multiplier: Decimal | None) -> Instrument | None:
        currency = listing.currency_of(security_type)
        if security_type == SecurityType.FUTURE:
            currency = self._future_currency(listing)
        if security_type in PRICED_BY_UNIT:
            multiplier = Decimal(1)
        elif security_type not in DERIVATIVES:
            multiplier = None
        if multiplier is None or currency is None:
            return None
        if len(self._kept) >= MAX_KEPT:
            del self._kept[next(iter(self._kept))]
        return self._kept.setdefault(listing.symbol, Instrument(multiplier, currency))

    def _future_currency(self, listing: Listing) -> str | None:
        info = self._ask_one(FUTURE_INFO, "futureInfoList", listing, lambda each: each.security)
        return _CURRENCY_WORDS.get(info.quoteCurrency) if info is not None else None

    def _ask_one(
        self,
        protocol: Any,
        list_name: str,
        listing: Listing,
        security_of: Callable[[WireMessage], WireMessage],
    ) -> WireMessage | None:
        """The entry of a reply that is about the security; None where OpenD gives none."""
        security = {"market": listing.exchange.qot_market, "code": listing.code}
        request = protocol.request(c2s={"securityList": [security]})
        try:
            response = self._client.call(protocol, request, kind=CallKind.READ)
        except OpenDError as error:
            _log.warning("%s of %s is not known: %s", protocol.name, listing.symbol, error)
            return None
        entries = getattr(response.s2c, list_name)
        return next((each for each in entries if _is(security_of(each), security)), None)


def _is(security: WireMessage, wanted: Mapping[str, Any]) -> bool:
    return bool(security.market == wanted["market"] and security.code == wanted["code"])


def contract_multiplier(snapshot: WireMessage) -> Decimal | None:
    """The multiplier of a contract (`Qot_GetSecuritySnapshot.Snapshot`); None when nothing tells it.

    Where OpenD names several, the largest counts: an order is never valued below its worth.
    """
    figures = [snapshot.basic.lotSize]
    if snapshot.HasField("optionExData"):
        option = snapshot.optionExData
        figures += [option.contractSize, option.contractSizeFloat, option.contractMultiplier]
    return max(filter(None, map(known, figures)), default=None)


def _quote(basic: WireMessage) -> Quote | None:
    """The prices of a snapshot; None while trading is suspended, since nobody knows where it goes on."""
    if basic.isSuspend:
        return None
    return Quote(known(basic.curPrice), known(basic.bidPrice), known(basic.askPrice))
