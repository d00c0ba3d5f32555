"""Sockets by libraries that are not ours, against the real gateway and the simulator."""

import json
import signal
import threading
import time

import pytest
import websocket
from fix_gateway import free_port, wait_until
from web.fix_web import token_of, write_policy
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

LIMIT_S = 30
ACC_ID = 987654
ORDER = {"trd_env": "simulate", "acc_id": ACC_ID, "trd_market": "HK", "trd_side": 1, "order_type": 1}
ORDER |= {"code": "00700", "qty": 100, "price": 300.0, "sec_market": 1}


def message_of(client, holds, limit_s=LIMIT_S):
    """The first message for which it holds."""
    deadline_s = time.monotonic() + limit_s
    while True:
        message = json.loads(client.recv(timeout=deadline_s - time.monotonic()))
        if holds(message):
            return message


def ask(client, **operation):
    client.send(json.dumps(operation))
    return message_of(client, lambda each: each["type"] == "reply")


@pytest.fixture
def gateway(start_gateway):
    return start_gateway({"opend": {"endpoints": [f"127.0.0.1:{free_port()}"]}}).wait_ready()


def test_websockets_sees_quotes_and_an_order_and_its_claims_end_with_it(gateway):
    url = f"ws://127.0.0.1:{gateway.port}/ws"
    with connect(url) as client, connect(url + "?types=quote&symbols=US.AAPL") as other:
        wanted = {"security_list": ["HK.00700", "US.AAPL"], "sub_type_list": ["Basic", "K_1M"]}
        assert ask(client, op="subscribe", id=1, **wanted, acc_id_list=[ACC_ID])["ok"] is True
        assert ask(other, op="subscribe", **wanted)["ok"] is True
        quote = message_of(client, lambda each: each.get("proto_id") == 3005)
        assert quote["data"]["basic_qot_list"][0]["cur_price"] > 0
        kline = message_of(client, lambda each: each.get("proto_id") == 3007)
        assert (kline["sub_type"], kline["rehab_type"]) == (11, 1)
        gateway.post("/api/order", ORDER)
        order = message_of(client, lambda each: each.get("proto_id") == 2208)
        assert (order["type"], order["acc_id"], order["trd_market"]) == ("trade", ACC_ID, 1)
        assert order["data"]["header"]["trd_env"] == 1
        seen = {message_of(other, lambda each: each["type"] == "quote")["sec_key"] for _ in range(4)}
        assert seen == {"US.AAPL"}
        assert ask(client, op="unsubscribe", all=True)["ok"] is True
        assert ask(client, op="filter", types=["notify"])["ok"] is True
    wait_until(lambda: b"\ngateway_claims 0.0\n" in gateway.request("GET", "/metrics")[1])
    assert b"\ngateway_ws_sockets 0.0\n" in gateway.request("GET", "/metrics")[1]


def test_websocket_client_sees_whole_numbered_messages(gateway):
    client = websocket.create_connection(
        f"ws://127.0.0.1:{gateway.port}/ws?int64=string", timeout=LIMIT_S, skip_utf8_validation=False
    )
    subscribe = {"op": "subscribe", "security_list": ["HK.00700"], "sub_type_list": ["Ticker"]}
    client.send(json.dumps(subscribe))
    messages = [json.loads(client.recv()) for _ in range(8)]
    assert [each["seq"] for each in messages] == list(range(1, 9))
    ticks = [each for each in messages if each.get("proto_id") == 3011]
    sequences = [int(tick["sequence"]) for each in ticks for tick in each["data"]["ticker_list"]]
    assert sequences == sorted(set(sequences))
    client.ping(b"alive")
    opcode, _ = client.recv_data(control_frame=True)
    while opcode != websocket.ABNF.OPCODE_PONG:
        opcode, _ = client.recv_data(control_frame=True)
    client.close(timeout=LIMIT_S)
    gateway.wait_for("/ws closed 1000")


REFUSED = {
    "not JSON": ("hello", None),
    "no object": ("[1]", None),
    "no operation": ('{"id":1}', "op"),
    "another operation": ('{"op":"buy"}', "op"),
    "no scalar for an id": ('{"op":"ping","id":[1]}', "id"),
    "a field too many": ('{"op":"ping","x":1}', "x"),
    "nothing to subscribe": ('{"op":"subscribe"}', "security_list"),
    "no sub types": ('{"op":"subscribe","security_list":["HK.00700"]}', "sub_type_list"),
    "an unknown field": ('{"op":"subscribe","securities":["HK.00700"]}', "securities"),
    "what the operation says": (
        '{"op":"subscribe","security_list":["HK.00700"],"sub_type_list":[1],"isUnsubAll":true}',
        "isUnsubAll",
    ),
    "a filter of no list": ('{"op":"filter","types":"quote"}', "types"),
    "a filter of no type": ('{"op":"filter","types":["orders"]}', "types"),
    "a filter of no symbol": ('{"op":"filter","symbols":["700"]}', "symbols"),
    "all and more": ('{"op":"unsubscribe","all":true,"acc_id_list":[1]}', "all"),
}


def test_operations_that_are_wrong_get_a_reply_and_the_socket_stays(gateway):
    with connect(f"ws://127.0.0.1:{gateway.port}/ws?types=notify") as client:
        for name, (text, field) in REFUSED.items():
            client.send(text)
            reply = message_of(client, lambda each: each["type"] == "reply")
            assert (reply["ok"], reply.get("field")) == (False, field), name
            assert reply["error"]
        unknown = {"security_list": ["HK.99999"], "sub_type_list": ["Basic"]}
        reply = ask(client, op="subscribe", id="x", **unknown, acc_id_list=[ACC_ID])
        assert (reply["ok"], reply["id"], reply["ret_type"]) == (False, "x", -1)
        assert ask(client, op="ping")["ok"] is True
    wait_until(lambda: b"\ngateway_claims 0.0\n" in gateway.request("GET", "/metrics")[1])


def test_a_revoked_key_is_closed_with_4401_and_rights_that_shrink_hold_at_once(start_gateway, tmp_path):
    keys = [
        {"id": "stays", "scopes": ["qot:read", "acc:read"]},
        {"id": "goes", "scopes": ["qot:read"]},
    ]
    policy = tmp_path / "policy.yaml"
    write_policy(policy, *keys)
    gateway = start_gateway(
        {
            "opend": {"endpoints": [f"127.0.0.1:{free_port()}"]},
            "auth": {"mode": "keys", "policy": str(policy)},
            "audit": str(tmp_path / "audit.jsonl"),
        }
    ).wait_ready()
    url = f"ws://127.0.0.1:{gateway.port}/ws?token="
    with connect(url + token_of("goes")) as goes, connect(url + token_of("stays")) as stays:
        subscribe = {"op": "subscribe", "security_list": ["HK.00700"], "sub_type_list": ["Basic"]}
        assert ask(goes, **subscribe)["ok"] is True
        assert ask(goes, op="subscribe", acc_id_list=[ACC_ID])["error"].startswith("the caller lacks")
        assert ask(goes, op="filter", types=["trade"])["ok"] is False
        assert ask(stays, op="filter", types=["trade"])["ok"] is True
        write_policy(policy, {"id": "stays", "scopes": ["qot:read"]})
        changed_s = time.monotonic()
        with pytest.raises(ConnectionClosed) as ended:
            message_of(goes, lambda each: False)
        assert ended.value.rcvd.code == 4401
        assert time.monotonic() - changed_s < 5  # 2 s on a machine that is not busy
        assert ask(stays, op="filter", types=["trade"])["ok"] is False
    refusals = [line for line in (tmp_path / "audit.jsonl").read_text().splitlines() if '"/ws"' in line]
    assert len(refusals) == 3


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGTERM], ids=["HUP", "TERM"])
def test_a_worker_that_ends_closes_with_1012_and_loses_no_request(gateway, number):
    url = f"ws://127.0.0.1:{gateway.port}/ws"
    statuses, is_over = [], threading.Event()

    def call():
        while not is_over.is_set():
            try:
                statuses.append(gateway.request("GET", "/api/global-state")[0].status)
            except ConnectionRefusedError:
                return  # it listens no longer

    with connect(url) as client:
        message_of(client, lambda each: each.get("event") == "opened")
        caller = threading.Thread(target=call, daemon=True)
        caller.start()
        wait_until(lambda: len(statuses) > 5)
        gateway.signal(number)
        with pytest.raises(ConnectionClosed) as ended:
            message_of(client, lambda each: False)
        assert ended.value.rcvd.code == 1012
    if number == signal.SIGHUP:
        with connect(url) as client:
            assert message_of(client, lambda each: each["seq"] == 1)["event"] == "opened"
    else:
        assert gateway.wait_end() == 0
    is_over.set()
    caller.join(LIMIT_S)
    assert set(statuses) == {200}
    assert "Traceback" not in gateway.log
    assert "graceful timeout" not in gateway.log


def test_sockets_survive_a_restart_of_opend_and_orders_are_pushed_again(start_gateway, start_simulator):
    simulator = start_simulator("--frequency-limits", "off")
    gateway = start_gateway(
        {
            "opend": {"embedded": False, "endpoints": [simulator.address], "frequency_limits": False},
            "auth": {"mode": "local"},
        }
    ).wait_ready()
    url = f"ws://127.0.0.1:{gateway.port}/ws"
    with connect(url) as first, connect(url) as second:
        subscribe = {"op": "subscribe", "security_list": ["HK.00700"], "sub_type_list": ["Basic", "Ticker"]}
        for client in (first, second):
            assert ask(client, **subscribe, acc_id_list=[ACC_ID])["ok"] is True
            message_of(client, lambda each: each["type"] == "quote")
        simulator.admin("restart")
        for client in (first, second):
            for event in ("opend_lost", "opend_back"):
                message_of(client, lambda each, event=event: each.get("event") == event)
        back_s = time.monotonic()
        for client in (first, second):
            message_of(client, lambda each: each["type"] == "quote")
        ticks_after_s = time.monotonic() - back_s
        print(f"ticks again {ticks_after_s:.2f} s after OpenD's return was told")
        assert ticks_after_s < 10  # measured: below 0.2 s
        gateway.post("/api/order", ORDER)
        for client in (first, second):
            assert message_of(client, lambda each: each["type"] == "trade")["acc_id"] == ACC_ID
