"""An example of a request for every endpoint of the route table, as the embedded simulator answers it.

Where an order or a password is concerned, it is that of the simulator's play money, and the header
`X-Dry-Run` stands beside it.
"""

from collections.abc import Callable, Mapping
from datetime import date, timedelta
from typing import Any, TypeAlias

Body: TypeAlias = dict[str, Any]

PAPER_HK: Body = {"trd_env": "simulate", "acc_id": 987654, "trd_market": "HK"}
REAL_HK: Body = {"trd_env": "real", "acc_id": "281756479345015383", "trd_market": "HK"}
LOOK_BACK = timedelta(days=30)
LOOK_AHEAD = timedelta(days=28)

_BODIES: Mapping[str, Body] = {
    "subscribe": {
        "security_list": ["HK.00700", "US.AAPL"],
        "sub_type_list": ["Basic", "Ticker"],
        "is_sub_or_un_sub": True,
    },
    "quote": {"security_list": ["HK.00700", "US.AAPL"]},
    "kline": {"security": "HK.00700", "kl_type": "Day", "rehab_type": "Forward", "req_num": 10},
    "orderbook": {"security": "HK.00700", "num": 10},
    "broker": {"security": "HK.00700"},
    "ticker": {"security": "HK.00700", "max_ret_num": 20},
    "rt": {"security": "HK.00700"},
    "snapshot": {"security_list": ["HK.00700", "US.AAPL", "SH.600519"]},
    "static-info": {"security_list": ["HK.00700", "US.AAPL"]},
    "plate-set": {"market": "HK_Security", "plate_set_type": "Industry"},
    "plate-security": {"plate": "HK.BK1001"},
    "reference": {"security": "HK.00700", "reference_type": "Warrant"},
    "owner-plate": {"security_list": ["HK.00700"]},
    "warrant": {"begin": 0, "num": 10, "sort_field": "Code", "ascend": True, "owner": "HK.00700"},
    "capital-flow": {"security": "HK.00700"},
    "capital-distribution": {"security": "HK.00700"},
    "user-security": {"group_name": "全部"},
    "stock-filter": {
        "begin": 0,
        "num": 5,
        "market": "HK_Security",
        "base_filter_list": [{"field_name": "MarketVal", "filter_min": 1e10, "sort_dir": "Descend"}],
    },
    "ipo-list": {"market": "HK_Security"},
    "future-info": {"security_list": ["HK.HSImain"]},
    "market-state": {"security_list": ["HK.00700", "US.AAPL"]},
    "sub-acc-push": {"acc_id_list": [987654]},
    "funds": {"header": REAL_HK, "currency": "HKD"},
    "positions": {"header": REAL_HK},
    "orders": {"header": PAPER_HK},
    "order-fills": {"header": REAL_HK},
    "max-trd-qtys": {"header": PAPER_HK, "order_type": "Normal", "code": "00700", "price": 300.0},
    "margin-ratio": {"header": REAL_HK, "security_list": ["HK.00700"]},
    "order-fee": {"header": REAL_HK, "order_id_ex_list": []},
    "unlock-trade": {
        "unlock": True,
        "pwd_md5": "e10adc3949ba59abbe56e057f20f883e",
        "security_firm": "FutuSecurities",
    },
    "order": {
        "header": PAPER_HK,
        "trd_side": "Buy",
        "order_type": "Normal",
        "code": "00700",
        "qty": 100,
        "price": 300.0,
        "sec_market": "HK",
    },
    "modify-order": {
        "header": PAPER_HK,
        "order_id": "7530394802467110933",
        "modify_order_op": "Cancel",
    },
}


def _past(day: date) -> Body:
    begin, end = (day - LOOK_BACK).isoformat(), day.isoformat()
    return {"begin_time": f"{begin} 00:00:00", "end_time": f"{end} 23:59:59"}


_DATED: Mapping[str, Callable[[date], Body]] = {
    "option-chain": lambda day: {
        "owner": "US.AAPL",
        "begin_time": day.isoformat(),
        "end_time": (day + LOOK_AHEAD).isoformat(),
    },
    "history-kline": lambda day: {
        "security": "HK.00700",
        "kl_type": "Day",
        "rehab_type": "Forward",
        "begin_time": (day - LOOK_BACK).isoformat(),
        "end_time": day.isoformat(),
        "max_ack_kl_num": 20,
    },
    "history-orders": lambda day: {"header": REAL_HK, "filter_conditions": _past(day)},
    "history-order-fills": lambda day: {"header": REAL_HK, "filter_conditions": _past(day)},
}
"""Bodies with days in them, which are around the given one."""


def example_body(route_name: str, day: date) -> Body:
    """A body that is right on the given day, and some time after. Raises KeyError where there is none."""
    return _DATED[route_name](day) if route_name in _DATED else _BODIES[route_name]
