"""Plates and who is in them: 3204, 3205, 3207."""

from collections.abc import Callable, Mapping

from gateway.simulator.market.market import Market
from gateway.simulator.market.moment import Moment
from gateway.simulator.model import Call, Handler, QotMarket, Refusal, SecurityKey
from gateway.simulator.quote.fields import Fields, at_most, keys_of, required, security, security_key
from gateway.simulator.quote.static import static_info
from gateway.simulator.universe.plate import Plate, PlateSetType

_MOST_CODES = 200
_PLATE_MARKETS = (QotMarket.HK, QotMarket.US, QotMarket.SH, QotMarket.SZ)


def _change(moment: Moment) -> int:
    return moment.last - moment.previous_close


_SORT_KEYS: Mapping[int, Callable[[Moment], float | str]] = {
    0: lambda moment: moment.instrument.key.code,
    1: lambda moment: moment.instrument.key.code,
    2: lambda moment: moment.last,
    3: _change,
    4: lambda moment: _change(moment) / moment.previous_close,
    10: lambda moment: moment.lots * moment.instrument.lot_size,
    11: lambda moment: moment.turnover * moment.instrument.lot_size,
    30: lambda moment: (moment.high - moment.low) / moment.previous_close,
    33: lambda moment: moment.instrument.lot_size,
}
"""What each `Qot_Common.SortField` that a plate can be sorted by means."""


def _plate_info(plate: Plate) -> Fields:
    return {"plate": security(plate.key), "name": plate.name, "plateType": int(plate.kind)}


class PlateHandlers:
    """Answers about plates."""

    def __init__(self, market: Market) -> None:
        self._market = market

    def table(self) -> Mapping[int, Handler]:
        """The handlers by protocol."""
        return {3204: self.plate_set, 3205: self.plate_security, 3207: self.owner_plate}

    def plate_set(self, call: Call) -> Fields:
        """The plates of a market. Shanghai and Shenzhen have the same."""
        if call.c2s.market not in _PLATE_MARKETS:
            raise Refusal(f"不支持的市场 {call.c2s.market}")
        if call.c2s.plateSetType not in set(PlateSetType):
            raise Refusal(f"不支持的板块集合类型 {call.c2s.plateSetType}")
        kind = PlateSetType(call.c2s.plateSetType)
        plates = self._market.universe.plates(QotMarket(call.c2s.market), kind)
        return {"plateInfoList": [_plate_info(plate) for plate in plates]}

    def plate_security(self, call: Call) -> Fields:
        """The members of a plate, or the constituents of an index."""
        c2s = call.c2s
        key = security_key(c2s.plate)
        members = self._market.universe.members(key)
        if members is None:
            self._market.find(key)
            raise Refusal("该证券不是板块")
        if c2s.sortField not in _SORT_KEYS:
            raise Refusal(f"不支持的排序字段 {c2s.sortField}")
        ascending = c2s.ascend or not c2s.HasField("ascend")
        moments = sorted(
            map(self._market.moment, members), key=_SORT_KEYS[c2s.sortField], reverse=not ascending
        )
        return {"staticInfoList": [static_info(self._market, moment.instrument) for moment in moments]}

    def owner_plate(self, call: Call) -> Fields:
        """The plates that each security belongs to."""
        required(call.c2s.securityList, "securityList")
        at_most(call.c2s.securityList, _MOST_CODES)
        return {"ownerPlateList": [self._owners(key) for key in keys_of(call.c2s.securityList)]}

    def _owners(self, key: SecurityKey) -> Fields:
        instrument = self._market.find(key)
        plates = self._market.universe.owner_plates(key)
        return {
            "security": security(key),
            "name": instrument.name,
            "plateInfoList": [_plate_info(plate) for plate in plates],
        }
