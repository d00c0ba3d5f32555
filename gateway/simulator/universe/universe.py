"""Every instrument by its key, on a given day."""

from datetime import date
from functools import lru_cache

from gateway.simulator.model import Instrument, QotMarket, SecurityKey
from gateway.simulator.universe import future, listing, option, plate, warrant
from gateway.simulator.universe.tables import LISTINGS
from gateway.simulator.universe.terms import future_terms

MARKET_PREFIXES = {"HK": QotMarket.HK, "US": QotMarket.US, "SH": QotMarket.SH, "SZ": QotMarket.SZ}


def key_from_text(text: str) -> SecurityKey:
    """The key that `HK.00700` names. Raises KeyError for an unknown market prefix."""
    prefix, _, code = text.partition(".")
    return SecurityKey(MARKET_PREFIXES[prefix], code)


class Universe:
    """All instruments. Derivatives depend on the day: they are listed, expire, and roll over."""

    def __init__(self) -> None:
        self._listed = {
            row.key: row
            for market, rows in LISTINGS.items()
            for row in (listing.instrument(market, entry) for entry in rows)
        }
        self._plates = {row.key: row for row in plate.PLATES}
        self._fixed = {**self._listed, **{row.key: plate.plate_instrument(row) for row in plate.PLATES}}
        self._find_derivative = lru_cache(maxsize=8192)(self._derivative)

    def find_listed(self, key: SecurityKey) -> Instrument | None:
        """A stock, fund, index or plate: what does not depend on the day; None for anything else."""
        return self._fixed.get(key)

    def find(self, key: SecurityKey, today: date) -> Instrument | None:
        """The instrument of a key on a day; None when there is none."""
        return self._fixed.get(key) or self._find_derivative(key, today)

    def _derivative(self, key: SecurityKey, today: date) -> Instrument | None:
        owner = option.option_owner(key)
        if owner is not None:
            return option.option_named(key, self._listed[owner], today)
        if key.market != QotMarket.HK:
            return None
        return future.future_named(key.code, today) or self._warrant(key, today)

    def _warrant(self, key: SecurityKey, today: date) -> Instrument | None:
        return next((row for row in self.warrants(today) if row.key == key), None)

    def stocks(self) -> list[Instrument]:
        """The stocks, funds and indices of all markets, in the order of the tables."""
        return list(self._listed.values())

    def warrants(self, today: date, owner: SecurityKey | None = None) -> list[Instrument]:
        """The warrants and CBBCs on an owner, or all of them."""
        owners = [owner] if owner is not None else list(warrant.ROWS_BY_OWNER)
        return [
            row for key in owners if key in self._listed for row in warrant.warrants(self._listed[key], today)
        ]

    def futures(self, today: date) -> list[Instrument]:
        """All futures."""
        return future.futures(today)

    def related_futures(self, instrument: Instrument, today: date) -> list[Instrument]:
        """The contracts of a future's own product; for anything else the futures on it."""
        terms = future_terms(instrument)
        if terms is None:
            return [row for row in self.futures(today) if row.owner == instrument.key]
        return future.futures(today, terms.product)

    def expiries(self, owner: SecurityKey, today: date) -> list[date]:
        """The expiries of the options on an owner, in order; empty when it has none."""
        return option.expiries(owner, today)

    def option_chain(self, owner: Instrument, expiry: date) -> list[tuple[Instrument, Instrument]]:
        """Call and put at each strike, lowest first. The owner must have options."""
        return option.chain(owner, expiry)

    def options(self, today: date) -> list[Instrument]:
        """Every option on offer on a day."""
        return [
            leg
            for row in option.OPTION_CLASSES
            for expiry in option.expiries(row.owner, today)
            for pair in option.chain(self._listed[row.owner], expiry)
            for leg in pair
        ]

    def plates(self, market: QotMarket, kind: plate.PlateSetType) -> list[plate.Plate]:
        """The plates of a market, of one kind or ALL. Shanghai's and Shenzhen's are the same list."""
        wanted = QotMarket.SH if market == QotMarket.SZ else market
        return [
            row
            for row in self._plates.values()
            if row.market == wanted and kind in (plate.PlateSetType.ALL, row.kind)
        ]

    def members(self, key: SecurityKey) -> list[SecurityKey] | None:
        """The members of a plate or the constituents of an index; None when it is neither."""
        if key in self._plates:
            return [key_from_text(text) for text in self._plates[key].members]
        constituents = {key_from_text(text): codes for text, codes in plate.INDEX_MEMBERS.items()}.get(key)
        return None if constituents is None else [key_from_text(text) for text in constituents]

    def owner_plates(self, key: SecurityKey) -> list[plate.Plate]:
        """The plates that a security is a member of."""
        return [row for row in self._plates.values() if key in map(key_from_text, row.members)]

    def watchlist(self, name: str, today: date) -> list[Instrument] | None:
        """The securities of a watchlist group; None when there is no such group."""
        members = plate.watchlist(name)
        if members is None:
            return None
        found = (self.find(key_from_text(text), today) for text in members)
        return [row for row in found if row is not None]

    def of_type(self, market: int, security_type: int, today: date) -> list[Instrument]:
        """Every instrument of a market, restricted to a type unless that is 0, in no set order."""
        everything = (
            *self._fixed.values(), *self.futures(today), *self.warrants(today), *self.options(today),
        )  # fmt: skip
        return [
            row for row in everything if row.key.market == market and security_type in (0, row.security_type)
        ]
