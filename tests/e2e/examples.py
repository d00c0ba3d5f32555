"""One valid request for each of the 41 endpoints, as a user would type it."""

from typing import Any

PAPER_HK = {"trd_env": "simulate", "acc_id": 987654, "trd_market": "HK"}
REAL_HK = {"trd_env": "real", "acc_id": 281756479345015383, "trd_market": "HK"}
TENCENT = {"market": 1, "code": "00700"}

BODIES: dict[str, dict[str, Any]] = {
    "subscribe": {
        "security_list": [TENCENT, "US.AAPL"],
        "sub_type_list": [1, "Ticker"],
        "is_sub_or_un_sub": True,
    },
    "quote": {"security_list": [TENCENT], "sub_type_list": [1]},
    "kline": {"security": TENCENT, "kl_type": "Day", "rehab_type": "Forward", "req_num": 10},
    "orderbook": {"security": TENCENT, "num": 10},
    "broker": {"security": TENCENT},
    "ticker": {"security": TENCENT, "max_ret_num": 20},
    "rt": {"security": TENCENT},
    "snapshot": {"security_list": [TENCENT, "US.AAPL", "SH.600519"]},
    "static-info": {"security_list": [TENCENT, "US.AAPL"]},
    "plate-set": {"market": 1, "plate_set_type": "Industry"},
    "plate-security": {"plate": {"market": 1, "code": "BK1001"}},
    "reference": {"security": TENCENT, "reference_type": "Warrant"},
    "owner-plate": {"security_list": [TENCENT]},
    "option-chain": {"owner": "US.AAPL", "begin_time": "2026-11-20", "end_time": "2026-12-19"},
    "warrant": {"begin": 0, "num": 10, "sort_field": 1, "ascend": True, "owner": TENCENT},
    "capital-flow": {"security": TENCENT},
    "capital-distribution": {"security": TENCENT},
    "user-security": {"group_name": "全部"},
    "stock-filter": {
        "begin": 0,
        "num": 5,
        "market": 1,
        "base_filter_list": [{"field_name": "MarketVal", "filter_min": 1e10, "sort_dir": "Descend"}],
    },
    "ipo-list": {"market": 1},
    "future-info": {"security_list": ["HK.HSImain"]},
    "market-state": {"security_list": [TENCENT, "US.AAPL"]},
    "history-kline": {
        "security": TENCENT,
        "kl_type": "Day",
        "rehab_type": "Forward",
        "begin_time": "2026-10-01",
        "end_time": "2026-11-20",
        "max_ack_kl_num": 20,
    },
    "sub-acc-push": {"acc_id_list": [987654]},
    "funds": {"header": REAL_HK, "currency": "HKD"},
    "positions": {"header": REAL_HK},
    "orders": {"header": REAL_HK},
    "order-fills": {"header": REAL_HK},
    "max-trd-qtys": {"header": PAPER_HK, "order_type": "NORMAL", "code": "00700", "price": 300.0},
    "history-orders": {
        "header": REAL_HK,
        "filter_conditions": {"begin_time": "2026-01-01 00:00:00", "end_time": "2026-11-20 23:59:59"},
    },
    "history-order-fills": {
        "header": REAL_HK,
        "filter_conditions": {"begin_time": "2026-01-01 00:00:00", "end_time": "2026-11-20 23:59:59"},
    },
    "margin-ratio": {"header": REAL_HK, "security_list": [TENCENT]},
    "order-fee": {"header": REAL_HK, "order_id_ex_list": []},
    "unlock-trade": {
        "unlock": True,
        "pwd_md5": "e10adc3949ba59abbe56e057f20f883e",
        "security_firm": "FUTUSECURITIES",
    },
    "order": {
        "header": PAPER_HK,
        "trd_side": "BUY",
        "order_type": "NORMAL",
        "code": "00700",
        "qty": 100,
        "price": 300.0,
        "sec_market": "HK",
    },
    "modify-order": {"header": PAPER_HK, "order_id": 0, "modify_order_op": "CANCEL"},
}
"""Body by route name; the five GET routes take none. `order_id` of `modify-order` and `order_id_ex_list`
of `order-fee` are filled in by the test from an order that it placed."""

PAGE_QUOTE = '{"security_list":[{"market":1,"code":"00700"}],"sub_type_list":[1]}'
"""The page's own first POST, to the letter."""

PAGE_ORDER = """{
  "packet_id": { "conn_id": 12345, "serial_no": 1 },
  "header":   { "trd_env": 1, "acc_id": 987654, "trd_market": 1 },
  "trd_side": 1,
  "order_type": 1,
  "code": "00700",
  "qty": 100,
  "price": 300.0,
  "sec_market": 1
}"""
"""The page's order, to the letter; its acc_id is the simulator's first paper account."""
