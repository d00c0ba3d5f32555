"""64 clients at once on one worker: every answer belongs to its request."""

import json
import random
import threading
import time
from collections import Counter
from http.client import HTTPConnection

from fix_gateway import free_port, wait_until
from fix_twin import NOON, started

CLIENTS = 64
LOAD_S = 10.0
HK_CODES = ["00700", "00001", "00005", "00388", "00941", "01299", "03690", "09988", "02800"]


def quote(pick):
    code = pick.choice(HK_CODES)
    body = {"security_list": [f"HK.{code}"]}
    return (
        "/api/quote",
        body,
        lambda s2c: [each["security"]["code"] for each in s2c["basic_qot_list"]] == [code],
    )


def snapshot(pick):
    codes = pick.sample(HK_CODES, 3)
    body = {"security_list": [f"HK.{code}" for code in codes]}
    return (
        "/api/snapshot",
        body,
        lambda s2c: [each["basic"]["security"]["code"] for each in s2c["snapshot_list"]] == codes,
    )


def kline(pick):
    code, count = pick.choice(HK_CODES), pick.randint(1, 200)
    body = {"security": f"HK.{code}", "kl_type": "K_1M", "rehab_type": 1, "req_num": count}
    return "/api/kline", body, lambda s2c: (s2c["security"]["code"], len(s2c["kl_list"])) == (code, count)


def history_kline(pick):
    code, day = pick.choice(HK_CODES), f"2026-10-{pick.randint(1, 28):02}"
    body = {"security": f"HK.{code}", "kl_type": "Day", "rehab_type": 1, "begin_time": day, "end_time": day}
    return (
        "/api/history-kline",
        body,
        lambda s2c: (
            s2c["security"]["code"] == code and all(each["time"].startswith(day) for each in s2c["kl_list"])
        ),
    )


def ticker(pick):
    code, count = pick.choice(HK_CODES), pick.randint(1, 100)
    body = {"security": f"HK.{code}", "max_ret_num": count}
    return (
        "/api/ticker",
        body,
        lambda s2c: (s2c["security"]["code"], len(s2c["ticker_list"])) == (code, count),
    )


def order_book(pick):
    code, count = pick.choice(HK_CODES), pick.randint(1, 10)
    body = {"security": f"HK.{code}", "num": count}
    return (
        "/api/orderbook",
        body,
        lambda s2c: (
            (s2c["security"]["code"], len(s2c["order_book_ask_list"]))
            == (
                code,
                count,
            )
        ),
    )


def max_quantity(pick):
    price = pick.randint(100, 900)
    body = {"trd_env": "simulate", "acc_id": 987654, "trd_market": "HK"}
    body |= {"order_type": "NORMAL", "code": "00700", "price": price}
    lots = 1_000_000 // price // 100
    return "/api/max-trd-qtys", body, lambda s2c: abs(s2c["max_trd_qtys"]["max_cash_buy"] / 100 - lots) <= 1


def positions(pick):
    acc_id, env = pick.choice([(987654, 1), (987655, 1), (281756479345015383, 2)])
    body = {"trd_env": env, "acc_id": acc_id, "trd_market": 2 if acc_id == 987655 else 1}
    return "/api/positions", body, lambda s2c: s2c["header"]["acc_id"] == acc_id


ASK = [quote, snapshot, kline, history_kline, ticker, order_book, max_quantity, positions]


class Caller(threading.Thread):
    """One client on a connection of its own, that checks each answer against its request."""

    def __init__(self, port: int, number: int, until_s: float) -> None:
        super().__init__(daemon=True)
        self._connection = HTTPConnection("127.0.0.1", port, timeout=30)
        self._number, self._until_s = number, until_s
        self.statuses: Counter[int] = Counter()
        self.wrong: list[object] = []

    def run(self) -> None:
        pick = random.Random(self._number)
        while time.monotonic() < self._until_s and len(self.wrong) < 3:
            path, body, belongs = pick.choice(ASK)(pick)
            name = f"load-{self._number}-{self.statuses.total()}"
            headers = {"Content-Type": "application/json", "X-Request-Id": name}
            self._connection.request("POST", path, json.dumps(body), headers)
            response = self._connection.getresponse()
            answer = json.loads(response.read())
            self.statuses[response.status] += 1
            is_ours = response.headers["X-Request-Id"] == name and response.status == 200
            if not is_ours or not belongs(answer["s2c"]):
                self.wrong.append((path, body, response.status, answer))
        self._connection.close()


def test_64_clients_on_one_worker_get_their_own_answers(tmp_path):
    gateway = started(tmp_path, NOON)
    try:
        until_s = time.monotonic() + LOAD_S
        callers = [Caller(gateway.port, number, until_s) for number in range(CLIENTS)]
        for caller in callers:
            caller.start()
        for caller in callers:
            caller.join(LOAD_S + 60)
    finally:
        gateway.stop()
    assert [wrong for caller in callers for wrong in caller.wrong] == []
    statuses = sum((caller.statuses for caller in callers), Counter())
    assert set(statuses) == {200}
    assert all(caller.statuses.total() > 0 for caller in callers)
    print(f"{statuses.total()} answers in {LOAD_S} s")


RETURN_LIMIT_S = 2.0


def test_opend_killed_and_restarted_under_load(tmp_path, start_simulator, start_gateway):
    """While it is away each request fails with a clear 500; within 2 s of its return all succeed again."""
    port = free_port()
    first = start_simulator("--port", str(port), "--frequency-limits", "off")
    gateway = start_gateway(
        {
            "server": {"workers": 1, "bind": f"127.0.0.1:{free_port()}"},
            "opend": {"embedded": False, "endpoints": [f"127.0.0.1:{port}"], "frequency_limits": False},
            "auth": {"mode": "local"},
        }
    )
    gateway.port = int(gateway.settings["server"]["bind"].rpartition(":")[2])
    gateway.wait_ready()
    outcomes: list[tuple[float, int, str]] = []
    is_over = threading.Event()

    def ask() -> None:
        while not is_over.is_set():
            response, answer = gateway.request("POST", "/api/quote", {"security_list": ["HK.00700"]})
            outcomes.append((time.monotonic(), response.status, json.loads(answer).get("error", "")))

    callers = [threading.Thread(target=ask, daemon=True) for _ in range(8)]
    for caller in callers:
        caller.start()
    wait_until(lambda: sum(status == 200 for _, status, _ in outcomes) > 50)
    first.kill()
    gone_s = time.monotonic()
    wait_until(lambda: sum(status == 500 for _, status, _ in outcomes) > 20)
    start_simulator("--port", str(port), "--frequency-limits", "off")
    back_s = time.monotonic()
    wait_until(lambda: any(status == 200 and at_s > back_s for at_s, status, _ in outcomes))
    recovered_s = time.monotonic()
    wait_until(lambda: sum(status == 200 and at_s > recovered_s for at_s, status, _ in outcomes) > 50)
    is_over.set()
    for caller in callers:
        caller.join(30)

    assert recovered_s - back_s < RETURN_LIMIT_S
    assert {status for at_s, status, _ in outcomes if at_s < gone_s} == {200}
    away = [error for _, status, error in outcomes if status == 500]
    assert all("OpenD" in error and f"127.0.0.1:{port}" in error for error in away), set(away)
    assert {status for at_s, status, _ in outcomes if at_s > back_s + RETURN_LIMIT_S} <= {200}
