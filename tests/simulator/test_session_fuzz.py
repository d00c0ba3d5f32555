"""No bytes, however wrong, may stop the simulated OpenD or reach another client."""

from hypothesis import given, settings
from hypothesis import strategies as st
from simulated_wire import INIT_CONNECT, TENCENT, Bench, securities

from gateway.opend.frame import body_sha1, encode_frame
from gateway.schema.protocols import PROTOCOLS

BENCH = Bench()
BYSTANDER = BENCH.ready_client()
REQUESTS = [proto_id for proto_id, protocol in PROTOCOLS.items() if not protocol.is_push]


def valid_stream(client):
    """InitConnect, a subscription and a read, as bytes."""
    subscribe = {"securityList": securities(TENCENT), "subTypeList": [1], "isSubOrUnSub": True}
    return b"".join(
        client.request_bytes(proto_id, c2s)
        for proto_id, c2s in (
            (1001, INIT_CONNECT),
            (3001, subscribe),
            (3004, {"securityList": securities(TENCENT)}),
        )
    )


def send_and_leave(client, data):
    client.send(data)
    client.disconnect()
    assert BYSTANDER.ask(1004, time=1).retType == 0


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=500))
def test_random_bytes_harm_nobody(data):
    send_and_leave(BENCH.client(), data)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_a_broken_stream_of_requests_harms_nobody(data):
    client = BENCH.client()
    stream = bytearray(valid_stream(client))
    for _ in range(data.draw(st.integers(1, 4))):
        stream[data.draw(st.integers(0, len(stream) - 1))] = data.draw(st.integers(0, 255))
    send_and_leave(client, bytes(stream[: data.draw(st.integers(0, len(stream)))]))


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(REQUESTS), st.binary(max_size=60))
def test_every_whole_frame_of_a_ready_client_gets_one_reply(proto_id, body):
    client = BENCH.ready_client()
    client.send(encode_frame(proto_id, 77, body, sha1=body_sha1(body)))
    (frame,) = client.frames()
    assert (frame.proto_id, frame.serial) == (proto_id, 77)
    client.disconnect()
