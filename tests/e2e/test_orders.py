"""Orders from the JSON body to the simulator's journal and back, with time passing."""

import json

import pytest
from examples import BODIES, PAGE_ORDER, PAGE_QUOTE, PAPER_HK, REAL_HK
from fix_gateway import wait_until

FILLED_ALL, CANCELLED_ALL = 11, 15
SIMULATE = 0


def placed(gateway, body):
    return gateway.post("/api/order", body)["s2c"]


def order_of(gateway, header, order_id_ex, status):
    """The order, once it has the status."""

    def look():
        body = {"header": header, "filter_conditions": {"order_id_ex_list": [order_id_ex]}}
        (order,) = gateway.post("/api/orders", body)["s2c"]["order_list"]
        return order if order["order_status"] == status else None

    return wait_until(look)


def journal(gateway):
    return [json.loads(line) for line in (gateway.file.parent / "journal.jsonl").read_text().splitlines()]


def test_the_pages_own_examples_work_unchanged(live_gateway):
    json_type = {"Content-Type": "application/json"}
    response, answer = live_gateway.request("POST", "/api/quote", PAGE_QUOTE.encode(), json_type)
    assert response.status == 200, answer
    (quote,) = json.loads(answer)["s2c"]["basic_qot_list"]
    assert quote["security"] == {"market": 1, "code": "00700"}
    assert quote["low_price"] <= quote["cur_price"] <= quote["high_price"]

    response, answer = live_gateway.request("POST", "/api/order", PAGE_ORDER.encode(), json_type)
    assert response.status == 200, answer
    s2c = json.loads(answer)["s2c"]
    assert s2c["header"] == {"trd_env": 1, "acc_id": 987654, "trd_market": 1}
    assert s2c["order_id"] > 0
    listed = live_gateway.post("/api/orders", {"header": PAPER_HK})["s2c"]["order_list"]
    assert [(order["order_id"], order["code"], order["qty"]) for order in listed] == [
        (s2c["order_id"], "00700", 100.0)
    ]
    executed = [entry for entry in journal(live_gateway) if entry["event"] == "placed"]
    assert [(entry["acc_id"], entry["env"]) for entry in executed] == [(987654, SIMULATE)]


def test_a_real_order_is_locked_until_unlocked_then_filled_with_a_fee(live_gateway):
    last = live_gateway.post("/api/snapshot", {"security_list": ["HK.00700"]})
    price = last["s2c"]["snapshot_list"][0]["basic"]["cur_price"]
    order = {
        "header": REAL_HK,
        "trd_side": "BUY",
        "order_type": "NORMAL",
        "code": "00700",
        "qty": 100,
        "price": price + 4,
        "sec_market": "HK",
    }
    response, answer = live_gateway.request("POST", "/api/order", order)
    assert response.status == 400
    assert "解锁" in json.loads(answer)["error"]
    assert json.loads(answer)["ret_type"] == -1

    live_gateway.post("/api/unlock-trade", BODIES["unlock-trade"])
    order_id_ex = placed(live_gateway, order)["order_id_ex"]
    filled = order_of(live_gateway, REAL_HK, order_id_ex, FILLED_ALL)
    assert (filled["fill_qty"], filled["remark"][:3]) == (100.0, "gw-")
    fills = live_gateway.post("/api/order-fills", {"header": REAL_HK})["s2c"]["order_fill_list"]
    assert sum(fill["qty"] for fill in fills if fill["order_id_ex"] == order_id_ex) == 100.0
    (fee,) = live_gateway.post("/api/order-fee", {"header": REAL_HK, "order_id_ex_list": [order_id_ex]})[
        "s2c"
    ]["order_fee_list"]
    assert fee["fee_amount"] == pytest.approx(sum(item["value"] for item in fee["fee_list"]))
    assert [entry["order_id_ex"] for entry in journal(live_gateway) if entry["event"] == "placed"] == [
        order_id_ex
    ]


def test_an_order_is_modified_and_cancelled(live_gateway):
    order = {**BODIES["order"], "price": 200.0, "remark": "mine"}
    answer = placed(live_gateway, order)
    by_number = {"header": PAPER_HK, "order_id": answer["order_id"]}
    changed = {**by_number, "modify_order_op": "NORMAL", "qty": 200, "price": 210.0}
    wait_until(lambda: live_gateway.request("POST", "/api/modify-order", changed)[0].status == 200)
    (resting,) = live_gateway.post("/api/orders", {"header": PAPER_HK})["s2c"]["order_list"]
    assert (resting["qty"], resting["price"], resting["remark"]) == (200.0, 210.0, "mine")
    live_gateway.post("/api/modify-order", {**by_number, "modify_order_op": "CANCEL"})
    order_of(live_gateway, PAPER_HK, answer["order_id_ex"], CANCELLED_ALL)


def test_the_packet_id_that_a_caller_gives_is_not_what_is_sent(live_gateway):
    for serial_no in (1, 2):
        packet_id = {"conn_id": 12345, "serial_no": serial_no}
        live_gateway.post("/api/order", json.loads(PAGE_ORDER) | {"packet_id": packet_id})
    placed_ones = [entry for entry in journal(live_gateway) if entry["event"] == "placed"]
    assert len(placed_ones) == 2
    assert all(entry["conn_id"] != 12345 for entry in placed_ones)


def test_the_pages_order_sent_twice_is_one_order(live_gateway):
    first, again = (live_gateway.post("/api/order", json.loads(PAGE_ORDER)) for _ in range(2))
    assert again == first
    assert [entry["event"] for entry in journal(live_gateway)].count("placed") == 1
