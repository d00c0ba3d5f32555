"""Which subscriptions a real-time read needs."""

import pytest

from gateway.claim import Subscription
from gateway.feed.requirement import needs, product
from gateway.schema.protocols import protocol_named

TENCENT = {"market": 1, "code": "00700"}


@pytest.mark.parametrize(
    ("kline", "sub_type"),
    [
        (1, 11),
        (2, 6),
        (3, 12),
        (4, 13),
        (5, 16),
        (6, 7),
        (7, 8),
        (8, 9),
        (9, 10),
        (10, 17),
        (11, 15),
        (12, 18),
        (13, 19),
        (14, 20),
        (15, 21),
    ],
)
def test_each_kline_type_needs_its_sub_type(kline, sub_type):
    request = protocol_named("Qot_GetKL").request(
        c2s={"security": TENCENT, "klType": kline, "rehabType": 1, "reqNum": 1}
    )
    assert needs("Qot_GetKL", request) == (Subscription(1, "00700", sub_type),)


def test_a_kline_type_that_does_not_exist_needs_nothing():
    request = protocol_named("Qot_GetKL").request(
        c2s={"security": TENCENT, "klType": 0, "rehabType": 1, "reqNum": 1}
    )
    assert needs("Qot_GetKL", request) == ()


@pytest.mark.parametrize(
    ("name", "fields", "sub_type"),
    [
        ("Qot_GetOrderBook", {"num": 1}, 2),
        ("Qot_GetOrderBook", {"num": 1, "orderBookType": 0}, 2),
        ("Qot_GetOrderBook", {"num": 1, "orderBookType": 1}, 22),
        ("Qot_GetTicker", {"maxRetNum": 1}, 4),
        ("Qot_GetRT", {}, 5),
        ("Qot_GetBroker", {}, 14),
    ],
)
def test_each_read_needs_its_sub_type(name, fields, sub_type):
    request = protocol_named(name).request(c2s={"security": TENCENT, **fields})
    assert needs(name, request) == (Subscription(1, "00700", sub_type),)


def test_lists_that_repeat_themselves_need_each_thing_once():
    request = protocol_named("Qot_GetBasicQot").request(c2s={"securityList": [TENCENT] * 3000})
    assert product(request.c2s.securityList, (1, 4) * 3000) == (
        Subscription(1, "00700", 1),
        Subscription(1, "00700", 4),
    )
