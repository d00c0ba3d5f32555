"""Plates and their members, watchlist groups, and the lists of coming IPOs."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import IntEnum

from gateway.simulator.model import Instrument, QotMarket, SecurityKey, SecurityType
from gateway.simulator.universe.listing import CURRENCY
from gateway.simulator.universe.stock_id import stock_id
from gateway.simulator.universe.terms import ExchType, Trading


class PlateSetType(IntEnum):
    """`Qot_Common.PlateSetType`."""

    ALL = 0
    INDUSTRY = 1
    REGION = 2
    CONCEPT = 3
    OTHER = 4


@dataclass(frozen=True, slots=True)
class Plate:
    """A plate and the codes of its members, written `HK.00700`."""

    market: QotMarket
    code: str
    name: str
    kind: PlateSetType
    members: tuple[str, ...]

    @property
    def key(self) -> SecurityKey:
        """The plate as a security."""
        return SecurityKey(self.market, self.code)


_HK, _US, _SH = QotMarket.HK, QotMarket.US, QotMarket.SH
_INDUSTRY, _REGION, _CONCEPT, _OTHER = (
    PlateSetType.INDUSTRY, PlateSetType.REGION, PlateSetType.CONCEPT, PlateSetType.OTHER,
)  # fmt: skip
_BLUE_CHIPS = (
    "HK.00001", "HK.00005", "HK.00388", "HK.00700", "HK.00941", "HK.01299", "HK.01810",
    "HK.02318", "HK.02319", "HK.03690", "HK.09618", "HK.09988",
)  # fmt: skip

PLATES = (
    Plate(_HK, "BK1001", "奶制品股", _CONCEPT, ("HK.02319", "HK.06186")),
    Plate(_HK, "BK1040", "内险股", _CONCEPT, ("HK.02318",)),
    Plate(_HK, "BK1046", "科网股", _CONCEPT, ("HK.00700", "HK.01810", "HK.03690", "HK.09618", "HK.09988")),
    Plate(_HK, "BK1050", "腾讯概念", _CONCEPT, ("HK.00700", "HK.03690", "HK.09618")),
    Plate(_HK, "BK1052", "阿里概念股", _CONCEPT, ("HK.09988",)),
    Plate(_HK, "BK1101", "银行", _INDUSTRY, ("HK.00005",)),
    Plate(_HK, "BK1102", "保险", _INDUSTRY, ("HK.01299", "HK.02318")),
    Plate(_HK, "BK1103", "其他金融", _INDUSTRY, ("HK.00388",)),
    Plate(_HK, "BK1104", "数码解决方案服务", _INDUSTRY, ("HK.00700",)),
    Plate(_HK, "BK1105", "综合企业", _INDUSTRY, ("HK.00001",)),
    Plate(_HK, "BK1106", "电讯服务", _INDUSTRY, ("HK.00941",)),
    Plate(_HK, "BK1107", "网上零售商", _INDUSTRY, ("HK.03690", "HK.09618", "HK.09988")),
    Plate(_HK, "BK1108", "电讯设备", _INDUSTRY, ("HK.01810",)),
    Plate(_HK, "BK1109", "乳制品", _INDUSTRY, ("HK.02319", "HK.06186")),
    Plate(_HK, "BK1110", "生物技术", _INDUSTRY, ("HK.06998",)),
    Plate(_HK, "BK1111", "物业服务及管理", _INDUSTRY, ("HK.09979",)),
    Plate(_HK, "HSI Constituent", "恒生指数成份股", _OTHER, _BLUE_CHIPS),
    Plate(_HK, "BK1910", "主板", _OTHER, (*_BLUE_CHIPS, "HK.06186", "HK.06998", "HK.09979")),
    Plate(_US, "BK2001", "消费电子产品", _INDUSTRY, ("US.AAPL",)),
    Plate(_US, "BK2002", "半导体", _INDUSTRY, ("US.NVDA",)),
    Plate(_US, "BK2003", "汽车制造商", _INDUSTRY, ("US.TSLA",)),
    Plate(_US, "BK2004", "软件-基础设施", _INDUSTRY, ("US.MSFT",)),
    Plate(_US, "BK2005", "互联网内容与信息", _INDUSTRY, ("US.META",)),
    Plate(_US, "BK2006", "互联网零售", _INDUSTRY, ("US.AMZN", "US.BABA")),
    Plate(_US, "BK2007", "资本市场", _INDUSTRY, ("US.FUTU",)),
    Plate(_US, "BK2501", "中概股", _CONCEPT, ("US.BABA", "US.FUTU")),
    Plate(_US, "BK2502", "明星科技股", _CONCEPT,
          ("US.AAPL", "US.AMZN", "US.META", "US.MSFT", "US.NVDA", "US.TSLA")),
    Plate(_SH, "BK0001", "白酒", _INDUSTRY, ("SH.600519", "SZ.000858")),
    Plate(_SH, "BK0002", "银行", _INDUSTRY, ("SH.600000", "SZ.000001")),
    Plate(_SH, "BK0003", "保险", _INDUSTRY, ("SH.601318",)),
    Plate(_SH, "BK0004", "电池", _INDUSTRY, ("SZ.300750",)),
    Plate(_SH, "BK0005", "汽车整车", _INDUSTRY, ("SZ.002594",)),
    Plate(_SH, "BK0101", "上海", _REGION, ("SH.600000",)),
    Plate(_SH, "BK0102", "广东", _REGION, ("SH.601318", "SZ.000001", "SZ.002594")),
    Plate(_SH, "BK0103", "贵州", _REGION, ("SH.600519",)),
    Plate(_SH, "BK0104", "四川", _REGION, ("SZ.000858",)),
    Plate(_SH, "BK0105", "福建", _REGION, ("SZ.300750",)),
    Plate(_SH, "BK0201", "新能源汽车", _CONCEPT, ("SZ.002594", "SZ.300750")),
    Plate(_SH, "BK0202", "MSCI中国", _CONCEPT,
          ("SH.600000", "SH.600519", "SH.601318", "SZ.000001", "SZ.000858", "SZ.002594", "SZ.300750")),
)  # fmt: skip

INDEX_MEMBERS: Mapping[str, tuple[str, ...]] = {
    "HK.800000": _BLUE_CHIPS,
    "HK.800100": ("HK.00700", "HK.00941", "HK.01810", "HK.02318", "HK.03690", "HK.09618", "HK.09988"),
    "HK.800700": ("HK.00700", "HK.01810", "HK.03690", "HK.09618", "HK.09988"),
    "SH.000001": ("SH.600000", "SH.600519", "SH.601318"),
    "SH.000300": (
        "SH.600000", "SH.600519", "SH.601318", "SZ.000001", "SZ.000858", "SZ.002594", "SZ.300750",
    ),
    "SZ.399001": ("SZ.000001", "SZ.000858", "SZ.002594", "SZ.300750"),
    "SZ.399006": ("SZ.300750",),
    "US..DJI": ("US.AAPL", "US.AMZN", "US.MSFT", "US.NVDA"),
    "US..IXIC": ("US.AAPL", "US.AMZN", "US.FUTU", "US.META", "US.MSFT", "US.NVDA", "US.TSLA"),
    "US..SPX": ("US.AAPL", "US.AMZN", "US.META", "US.MSFT", "US.NVDA", "US.TSLA"),
}  # fmt: skip
"""The constituents of the indices; OpenD answers them to a plate request for the index."""

_FAVOURITES = ("HK.00700", "HK.09988", "US.AAPL", "US.TSLA", "US.FUTU", "SH.600519")
WATCHLISTS: Mapping[str, tuple[str, ...]] = {
    "全部": (*_FAVOURITES, "HK.00388", "HK.HSImain", "HK.800000", "US.NVDA", "SZ.300750"),
    "特别关注": ("HK.00700", "US.AAPL"),
    "港股": ("HK.00700", "HK.09988", "HK.00388", "HK.800000"),
    "美股": ("US.AAPL", "US.TSLA", "US.FUTU", "US.NVDA"),
    "沪深": ("SH.600519", "SZ.300750"),
    "期货": ("HK.HSImain",),
    "自选": _FAVOURITES,
}
"""The user's watchlist groups; the last is one that a user would make, the others are OpenD's own."""

_ALIASES = {"All": "全部", "Starred": "特别关注", "HK": "港股", "US": "美股", "CN": "沪深", "Futures": "期货"}


def watchlist(name: str) -> tuple[str, ...] | None:
    """The securities in a group, by its Chinese or English name; None when there is no such group."""
    return WATCHLISTS.get(_ALIASES.get(name, name))


_EXCHANGES = {_HK: ExchType.HK_MAIN_BOARD, _US: ExchType.US_NASDAQ, _SH: ExchType.CN_SH}
_PLATE_LISTED = date(2010, 1, 4)


def plate_instrument(plate: Plate) -> Instrument:
    """The plate as a security with a quote of its own, an index of its members."""
    return Instrument(
        key=plate.key,
        stock_id=stock_id(plate.market, plate.code, _PLATE_LISTED),
        name=plate.name,
        security_type=SecurityType.PLATE,
        lot_size=1,
        currency=CURRENCY[plate.market],
        list_date=_PLATE_LISTED,
        exchange=_EXCHANGES[plate.market],
        base_price=Decimal(1000),
        extra={Trading.KEY: Trading(400_000, 0.012, 2)},
    )
