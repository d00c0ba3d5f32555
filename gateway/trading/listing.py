"""Which security an order names, and in what money it is traded."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from gateway.schema.errors import FieldError
from gateway.schema.trade import TrdSecMarket
from gateway.trading.wire import MARKETS, SecurityType

_S = TrdSecMarket


@dataclass(frozen=True, slots=True)
class Exchange:
    """How one `TrdSecMarket` is called in symbols, its `QotMarket`, and its money.

    `currency` is None where securities of one market are priced in several.
    """

    prefix: str
    qot_market: int
    currency: str | None


EXCHANGES: Mapping[TrdSecMarket, Exchange] = {
    _S.HK: Exchange("HK", 1, "HKD"),
    _S.US: Exchange("US", 11, "USD"),
    _S.CN_SH: Exchange("SH", 21, "CNH"),
    _S.CN_SZ: Exchange("SZ", 22, "CNH"),
    _S.SG: Exchange("SG", 31, "SGD"),
    _S.JP: Exchange("JP", 41, "JPY"),
    _S.AU: Exchange("AU", 51, "AUD"),
    _S.MY: Exchange("MY", 61, "MYR"),
    _S.CA: Exchange("CA", 71, "CAD"),
    _S.FX: Exchange("FX", 81, None),
    _S.CC: Exchange("CC", 91, None),
    _S.EC: Exchange("EC", 101, None),
}

_A_SHARES = (_S.CN_SH, _S.CN_SZ)

LISTED_IN: Mapping[str, tuple[TrdSecMarket, ...]] = {
    "HK": (_S.HK,),
    "US": (_S.US,),
    "CN": _A_SHARES,
    "HKCC": _A_SHARES,
    "FUTURES": (_S.HK, _S.US, _S.SG, _S.JP),
    "SG": (_S.SG,),
    "CRYPTO": (_S.CC,),
    "AU": (_S.AU,),
    "FUTURES_SIMULATE_HK": (_S.HK,),
    "FUTURES_SIMULATE_US": (_S.US,),
    "FUTURES_SIMULATE_SG": (_S.SG,),
    "FUTURES_SIMULATE_JP": (_S.JP,),
    "JP": (_S.JP,),
    "PREDICTION": (_S.EC,),
    "MY": (_S.MY,),
    "CA": (_S.CA,),
    "HK_FUND": (_S.HK,),
    "US_FUND": (_S.US,),
    "SG_FUND": (_S.SG,),
    "MY_FUND": (_S.MY,),
    "JP_FUND": (_S.JP,),
}
"""Where the securities of a trade market may be listed. An order whose two markets do not fit together
could pass a key's `allowed_markets` under the name of the wrong one."""

_RENMINBI_CODE = re.compile(r"8\d{4}")
"""Hong Kong's codes 80000 to 89999 are for products traded in renminbi (HKEX's allocation plan)."""

_DOLLAR_FUND_CODE = re.compile(r"09\d{3}")
"""The US dollar counters of Hong Kong's funds. A fund in HKD with such a code counts as one in USD:
HKEX's plan could not be read to the end, and dollars are the dearer reading."""


@dataclass(frozen=True, slots=True)
class Listing:
    """A security where it is listed. `symbol` has the form `HK.00700`."""

    sec_market: TrdSecMarket
    code: str

    @property
    def exchange(self) -> Exchange:
        """How its market is called."""
        return EXCHANGES[self.sec_market]

    @property
    def symbol(self) -> str:
        """The name that a policy uses."""
        return f"{self.exchange.prefix}.{self.code}"

    def currency_of(self, security_type: int | None) -> str | None:
        """The currency of its prices; None when it cannot be told.

        `security_type` is its `SecurityType`, None when that is not known. A future's currency
        does not follow from its market.
        """
        if security_type == SecurityType.FUTURE:
            return None
        if self.sec_market is TrdSecMarket.HK and _RENMINBI_CODE.fullmatch(self.code):
            return "CNH"
        if (
            self.sec_market is TrdSecMarket.HK
            and security_type == SecurityType.TRUST
            and _DOLLAR_FUND_CODE.fullmatch(self.code)
        ):
            return "USD"
        return self.exchange.currency


def market_name(trd_market: int) -> str:
    """The name of a `TrdMarket`. Raises FieldError for one that orders cannot be traded in."""
    try:
        return MARKETS[trd_market]
    except KeyError:
        raise FieldError("trd_market", "missing, accepted is the market of the account") from None


def listing_of(code: str, sec_market: int, market: str) -> Listing:
    """The security that an order names; `sec_market` 0 means the only one where `market` trades.

    Raises FieldError where it cannot be told (A-shares are listed in Shanghai or in Shenzhen), and
    where the two markets do not fit together.
    """
    possible = LISTED_IN[market]
    accepted = " or ".join(EXCHANGES[each].prefix for each in possible)
    if not sec_market and len(possible) > 1:
        raise FieldError("sec_market", f"missing, accepted with trd_market {market} is {accepted}")
    if sec_market and sec_market not in possible:
        raise FieldError("sec_market", f"does not fit trd_market {market}, accepted is {accepted}")
    return Listing(TrdSecMarket(sec_market) if sec_market else possible[0], code)
