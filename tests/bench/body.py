"""The bodies that all contenders get."""

from typing import Any

QUOTE: dict[str, Any] = {"security_list": ["HK.00700"]}

_TWENTY = (
    *("HK.00001", "HK.00005", "HK.00388", "HK.00700", "HK.00941", "HK.01299", "HK.01810", "HK.02318"),
    *("HK.02319", "HK.03690", "HK.06186", "HK.06998", "HK.09618", "HK.09979", "HK.09988", "HK.02800"),
    *("US.AAPL", "US.AMZN", "US.MSFT", "US.TSLA"),
)
SNAPSHOT: dict[str, Any] = {"security_list": list(_TWENTY)}

HISTORY_KLINE: dict[str, Any] = {
    "security": "HK.00700",
    "kl_type": "Day",
    "rehab_type": "Forward",
    "begin_time": "2016-01-01",
    "end_time": "2026-01-01",
    "max_ack_kl_num": 1000,
}
