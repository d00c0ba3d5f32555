"""The simulator as users start it: a process, its sockets and its control channel."""

import os
import signal
import socket
import subprocess
import sys
import time

import pytest
from fix_simulator import ROOT, SimulatorProcess
from simulated_wire import INIT_CONNECT

from gateway.opend.frame import FrameReader, body_sha1, encode_frame
from gateway.schema.protocols import PROTOCOLS

LIMIT_S = 20
TENCENT = {"market": 1, "code": "00700"}


@pytest.fixture(scope="module")
def shared_simulator():
    process = SimulatorProcess("--frequency-limits", "off")
    yield process
    process.stop()


@pytest.fixture
def simulator(shared_simulator):
    """One process for the tests that leave nothing behind but what a restart forgets."""
    yield shared_simulator
    for command in ("clear-faults", "listen", "restart"):
        shared_simulator.admin(command)


class SocketClient:
    """A blocking client of one simulator."""

    def __init__(self, simulator):
        self.socket = socket.create_connection(("127.0.0.1", simulator.port), timeout=LIMIT_S)
        self._reader = FrameReader(max_body_bytes=1 << 24)
        self._frames = []
        self._serial = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, proto_id, **c2s):
        self._serial += 1
        body = PROTOCOLS[proto_id].request(c2s=c2s).SerializeToString()
        self.socket.sendall(encode_frame(proto_id, self._serial, body, sha1=body_sha1(body)))
        return self._serial

    def next_frame(self):
        """The next frame, or None when the simulator closed the connection."""
        while not self._frames:
            data = self.socket.recv(1 << 16)
            if not data:
                return None
            self._frames += self._reader.feed(data)
        return self._frames.pop(0)

    def ask(self, proto_id, **c2s):
        serial = self.send(proto_id, **c2s)
        while (frame := self.next_frame()) and frame.serial != serial:
            pass
        return PROTOCOLS[proto_id].response.FromString(frame.body)

    def next_push(self, proto_id):
        while (frame := self.next_frame()) and frame.proto_id != proto_id:
            pass
        return PROTOCOLS[proto_id].response.FromString(frame.body).s2c

    def opened(self):
        assert self.ask(1001, **INIT_CONNECT).retType == 0
        return self

    def is_closed(self):
        try:
            return self.next_frame() is None
        except ConnectionError:
            return True


def can_connect(simulator):
    try:
        socket.create_connection(("127.0.0.1", simulator.port), timeout=LIMIT_S).close()
    except ConnectionRefusedError:
        return False
    return True


def test_it_answers_and_pushes_over_tcp(simulator):
    with SocketClient(simulator).opened() as client:
        subscribe = {"securityList": [TENCENT], "subTypeList": [1], "isSubOrUnSub": True}
        assert client.ask(3001, **subscribe, isRegOrUnRegPush=True).retType == 0
        assert client.next_push(3005).basicQotList[0].security.code == "00700"
        assert client.ask(3004, securityList=[TENCENT]).s2c.basicQotList[0].curPrice > 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_cleanly(start_simulator, number):
    simulator = start_simulator()
    with SocketClient(simulator).opened() as client:
        simulator.process.send_signal(number)
        assert simulator.process.wait(LIMIT_S) == 0
        assert client.is_closed()


def test_it_ends_when_its_parent_does():
    start = (
        "import subprocess, sys, os; print(subprocess.Popen([sys.executable, '-m', 'gateway.simulator',"
        " '--port', '0', '--parent-pid', str(os.getpid())], stdout=sys.stderr).pid)"
    )
    # The pipe ends when the last process that holds it does: the simulator, not the parent.
    with subprocess.Popen(
        [sys.executable, "-c", start], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as parent:
        simulator_pid = int(parent.stdout.readline())
        try:
            parent.communicate(timeout=LIMIT_S)
        except subprocess.TimeoutExpired:
            os.kill(simulator_pid, signal.SIGKILL)
            raise


def test_a_taken_port_is_told_in_one_line(simulator):
    command = [sys.executable, "-m", "gateway.simulator", "--port", str(simulator.port)]
    second = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=LIMIT_S, check=False)
    assert second.returncode == 1
    assert second.stderr.startswith("the simulator cannot start: ")
    assert second.stderr.count("\n") == 1


@pytest.mark.parametrize(
    "options",
    [["--clock", "noon"], ["--fault", "explode"], ["--hours", "never"], ["--rsa-key", "/nonexistent"]],
)
def test_a_wrong_option_is_told_and_nothing_starts(options):
    command = [sys.executable, "-m", "gateway.simulator", "--port", "0", *options]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=LIMIT_S, check=False)
    assert ended.returncode != 0
    assert options[1] in ended.stderr
    assert "Traceback" not in ended.stderr


def test_faults_come_from_the_command_line_and_from_the_control_channel(start_simulator):
    simulator = start_simulator("--fault", "wrong-serial:proto=1004")
    with SocketClient(simulator).opened() as client:
        serial = client.send(1004, time=1)
        assert client.next_frame().serial != serial
        simulator.fault("drop-before", proto=1004)
        client.send(1004, time=1)
        assert client.is_closed()


def test_a_late_reply_comes(simulator):
    simulator.fault("delay", proto=1002, delay_s=0.05)
    with SocketClient(simulator).opened() as client:
        late, prompt = client.send(1002, userID=0), client.send(1004, time=1)
        assert [client.next_frame().serial for _ in range(2)] == [prompt, late]


def test_connections_can_be_refused_and_accepted_again_on_the_same_port(simulator):
    with SocketClient(simulator).opened() as client:
        simulator.admin("refuse")
        assert not can_connect(simulator)
        assert client.ask(1004, time=1).retType == 0
        simulator.admin("listen")
        assert can_connect(simulator)


def test_a_refused_connection_is_reset(simulator):
    simulator.fault("refuse")
    with SocketClient(simulator) as client:
        assert client.is_closed()
    with SocketClient(simulator).opened():
        pass


def test_a_restart_gives_new_ids(simulator):
    with SocketClient(simulator).opened() as client:
        before = client.ask(1002, userID=0).s2c.connID
        simulator.admin("restart")
        assert client.is_closed()
    with SocketClient(simulator).opened() as client:
        assert client.ask(1002, userID=0).s2c.connID != before


def test_the_state_shows_sessions_subscriptions_and_faults_to_come(simulator):
    with SocketClient(simulator).opened() as client:
        subscribe = {"securityList": [TENCENT], "subTypeList": [1, 4], "isSubOrUnSub": True}
        client.ask(3001, **subscribe)
        client.ask(2008, accIDList=[987654])
        simulator.fault("mute", proto=2202, times=0)
        state = simulator.admin("state")
        (connection,) = state["connections"]
        assert connection["conn_id"] == client.ask(1002, userID=0).s2c.connID
        assert connection["subscriptions"] == ["HK.00700 Basic", "HK.00700 Ticker"]
        assert (connection["pushes"], connection["acc_ids"]) == ([], [987654])
        assert state["used_quota"] == 2
        assert state["faults"] == [{"kind": "mute", "proto": 2202, "times": 0, "delay_s": 0.0}]


def test_a_frozen_clock_moves_on_command(start_simulator):
    simulator = start_simulator("--clock", "2026-03-02T10:00:00+08:00")
    with SocketClient(simulator).opened() as client:
        assert client.ask(1004, time=1).s2c.time == 1772416800
        simulator.admin("advance", seconds=60)
        assert client.ask(1004, time=1).s2c.time == 1772416860
        simulator.admin("set-time", time="2026-03-02T12:30:00+08:00")
        assert client.ask(1004, time=1).s2c.time == 1772425800


def test_notifications_and_price_reminders_come_on_command(simulator):
    with SocketClient(simulator).opened() as client:
        simulator.admin("notify", trade_logined=False)
        simulator.admin("price-reminder", market=1, code="00700", note="look")
        assert not client.next_push(1003).connectStatus.trdLogined
        reminder = client.next_push(3019)
        assert (reminder.security.code, reminder.note) == ("00700", "look")


def test_a_login_that_is_lost_shows_and_is_notified(simulator):
    with SocketClient(simulator).opened() as client:
        for quote, trade in [(False, True), (True, False), (True, True)]:
            simulator.admin("login", quote=quote, trade=trade)
            status = client.next_push(1003).connectStatus
            assert (status.qotLogined, status.trdLogined) == (quote, trade)
            state = client.ask(1002, userID=0).s2c
            assert (state.qotLogined, state.trdLogined) == (quote, trade)


@pytest.mark.parametrize(
    "line",
    [
        {"command": "explode"},
        {"kind": "hang"},
        {"command": "fault", "kind": "explode"},
        {"command": "advance", "seconds": 1},
        {"command": "price-reminder", "market": 1, "code": "99999"},
        {"command": "state", "surplus": 1},
    ],
)
def test_a_command_that_cannot_be_done_says_why(simulator, line):
    with pytest.raises(AssertionError, match="error"):
        simulator.admin(line.pop("command", ""), **line)
    assert simulator.admin("state")["connections"] == []


PAPER_ORDER = {
    "header": {"trdEnv": 0, "accID": 987654, "trdMarket": 1},
    "trdSide": 1,
    "orderType": 1,
    "code": "00700",
    "qty": 100,
    "price": 300,
    "secMarket": 1,
}


def paper_order(client):
    """The protocol's number and content of an order that this client may place."""
    conn_id = client.ask(1002, userID=0).s2c.connID
    return 2202, {"packetID": {"connID": conn_id, "serialNo": 1}, **PAPER_ORDER}


def test_executed_orders_are_in_the_journal_and_in_its_file(start_simulator, tmp_path):
    simulator = start_simulator("--journal", str(tmp_path / "journal.jsonl"))
    with SocketClient(simulator).opened() as client:
        proto_id, order = paper_order(client)
        reply = client.ask(proto_id, **order)
        assert reply.retType == 0, reply.retMsg
    first = simulator.admin("journal")["entries"][0]
    assert (first["event"], first["order_id"]) == ("placed", reply.s2c.orderID)
    assert str(reply.s2c.orderID) in (tmp_path / "journal.jsonl").read_text().splitlines()[0]


@pytest.mark.parametrize(("kind", "executions"), [("drop-before", 0), ("drop-after", 1), ("half-frame", 1)])
def test_a_drop_tells_the_client_nothing_of_what_the_journal_knows(simulator, kind, executions):
    before = len(simulator.admin("journal")["entries"])
    simulator.fault(kind, proto=2202)
    with SocketClient(simulator).opened() as client:
        proto_id, order = paper_order(client)
        client.send(proto_id, **order)
        assert client.is_closed()
    placed = [entry for entry in simulator.admin("journal")["entries"][before:] if entry["event"] == "placed"]
    assert len(placed) == executions


def test_the_exchange_rejects_an_order_on_command(simulator):
    simulator.admin("reject-next-order", reason="on purpose")
    with SocketClient(simulator).opened() as client:
        client.ask(2008, accIDList=[987654])
        proto_id, order = paper_order(client)
        client.send(proto_id, **order, remark="to be rejected")
        while (pushed := client.next_push(2208).order).remark != "to be rejected" or pushed.orderStatus < 3:
            pass
        assert (pushed.orderStatus, pushed.lastErrMsg) == (21, "on purpose")


def test_a_client_that_does_not_read_is_dropped_and_others_are_served(simulator):
    with SocketClient(simulator).opened() as slow, SocketClient(simulator).opened() as other:
        slow.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        for _ in range(20):
            slow.send(1007, typeList=[1], segmentList=range(20_000))
        until_s = time.monotonic() + LIMIT_S
        while len(simulator.admin("state")["connections"]) == 2 and time.monotonic() < until_s:
            assert other.ask(1004, time=1).retType == 0
        (remaining,) = simulator.admin("state")["connections"]
        assert remaining["conn_id"] == other.ask(1002, userID=0).s2c.connID


def test_a_simulator_in_the_tests_own_process_is_the_same(simulator_thread):
    thread = simulator_thread(seed=7)
    with SocketClient(thread).opened() as client:
        assert client.ask(1004, time=1).retType == 0
        assert len(thread.run(thread.simulation.opend.snapshot)["connections"]) == 1


def test_trade_is_closed_on_an_open_address_without_a_key(start_simulator):
    simulator = start_simulator("--host", "0.0.0.0")
    with SocketClient(simulator).opened() as client:
        assert client.ask(2001, userID=0).retType == -1
        assert client.ask(1002, userID=0).retType == 0


def test_no_process_is_left_behind(start_simulator):
    simulator = start_simulator()
    simulator.kill()
    with pytest.raises(ProcessLookupError):
        os.kill(simulator.process.pid, 0)
