import pytest
from simulated_wire import Bench

HEADER = {"trdEnv": 0, "accID": 1, "trdMarket": 1}
ORDER = {"header": HEADER, "trdSide": 1, "orderType": 1, "code": "00700", "qty": 100}
CHANGE = {"header": HEADER, "orderID": 1, "modifyOrderOp": 2}


@pytest.fixture
def executed():
    return []


@pytest.fixture
def bench(executed):
    def execute(call):
        executed.append(call.c2s.packetID.serialNo)
        return {"header": HEADER, "orderID": 1}

    return Bench(handlers={2202: execute, 2205: execute})


def place(client, serial_no, conn_id=None, proto_id=2202):
    packet_id = {"connID": conn_id or client.conn_id, "serialNo": serial_no}
    return client.ask(proto_id, packetID=packet_id, **(ORDER if proto_id == 2202 else CHANGE)).retType


def test_a_growing_serial_passes_with_gaps_and_from_zero(bench, executed):
    client = bench.ready_client()
    assert [place(client, serial_no) for serial_no in (0, 1, 5, 2**32 - 1)] == [0, 0, 0, 0]
    assert executed == [0, 1, 5, 2**32 - 1]


@pytest.mark.parametrize("stale", [7, 6, 0])
def test_a_serial_that_does_not_grow_is_never_executed(bench, executed, stale):
    client = bench.ready_client()
    place(client, 7)
    assert place(client, stale) == -1
    assert executed == [7]


def test_placing_and_modifying_share_the_serial(bench, executed):
    client = bench.ready_client()
    place(client, 7)
    assert place(client, 7, proto_id=2205) == -1
    assert place(client, 8, proto_id=2205) == 0
    assert executed == [7, 8]


def test_the_id_of_another_connection_is_never_executed(bench, executed):
    client, other = bench.ready_client(), bench.ready_client()
    assert place(client, 1, conn_id=other.conn_id) == -1
    assert executed == []


def test_each_connection_counts_for_itself(bench, executed):
    place(bench.ready_client(), 7)
    place(bench.ready_client(), 1)
    assert executed == [7, 1]
