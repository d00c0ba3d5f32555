"""Our frames and ciphers against bytes of the official SDK (tests/golden/capture.py makes them)."""

import json
import subprocess
import sys

import pytest

from gateway.opend.crypto import AesCbcCipher, FtAesEcbCipher, PlainCipher, RsaCipher
from gateway.opend.frame import FrameReader, body_sha1, encode_frame
from gateway.opend.protocol import Reply, Session, SessionReady, parse_response
from gateway.schema.protocols import PROTOCOLS

AES_KEY = "3F17CF3EEF912C92"
AES_IV = "C119DDDD6314F18A"
MODES = ("plain", "cbc", "ftaes")
SENT = {0: [1001, 1002, 3001], 1: [1001, 2001, 2008, 2001, 2202, 2201]}


@pytest.fixture(scope="module")
def golden_dir(rsa_key_path):
    return rsa_key_path.parent


@pytest.fixture(scope="module")
def golden(golden_dir):
    return json.loads((golden_dir / "golden.json").read_text())


@pytest.fixture(scope="module")
def rsa(rsa_pem):
    return RsaCipher.from_pem(rsa_pem)


def cipher_of(mode, proto_id, rsa):
    if mode == "plain":
        return PlainCipher()
    if proto_id == 1001:
        return rsa
    key = AES_KEY.encode()
    return AesCbcCipher(key, AES_IV.encode()) if mode == "cbc" else FtAesEcbCipher(key)


@pytest.mark.parametrize("connection", [0, 1])
@pytest.mark.parametrize("mode", MODES)
def test_what_the_sdk_sends_is_read_and_written_again_to_the_byte(mode, connection, golden_dir, rsa):
    stream = (golden_dir / f"{mode}_{connection}_sent.bin").read_bytes()
    frames = FrameReader(10_000).feed(stream)
    assert [frame.proto_id for frame in frames] == SENT[connection]
    written = b"".join(encode_frame(f.proto_id, f.serial, f.body, sha1=f.sha1) for f in frames)
    assert written == stream
    for frame in frames:
        cipher = cipher_of(mode, frame.proto_id, rsa)
        plain = cipher.decrypt(frame.body)
        assert body_sha1(plain) == frame.sha1
        if cipher is not rsa:
            assert cipher.encrypt(plain) == frame.body


@pytest.mark.parametrize("mode", MODES)
def test_the_sdks_requests_say_what_it_was_told_to_ask(mode, golden, golden_dir, rsa):
    requests = {}
    for connection in golden[mode]["connections"]:
        for frame in FrameReader(10_000).feed((golden_dir / connection["sent"]).read_bytes()):
            plain = cipher_of(mode, frame.proto_id, rsa).decrypt(frame.body)
            requests[frame.proto_id] = PROTOCOLS[frame.proto_id].request.FromString(plain).c2s, frame.serial
    init, _ = requests[1001]
    assert init.clientVer == 300
    assert init.packetEncAlgo == (-1 if mode == "plain" else 2)
    subscription, _ = requests[3001]
    assert [(s.market, s.code) for s in subscription.securityList] == [(1, "00700"), (11, "AAPL")]
    order, serial = requests[2202]
    assert (order.code, order.qty, order.price, order.remark) == ("00700", 100, 380.2, "golden")
    assert order.packetID.connID == golden[mode]["connections"][1]["conn_id"]
    assert order.packetID.serialNo == serial


@pytest.mark.parametrize("mode", MODES)
def test_a_session_reads_the_answers_that_the_sdk_accepted(mode, golden, golden_dir, rsa):
    assert golden[mode]["read_by_sdk"] == {"global_state": "1011", "subscribe": None, "order_id": "1741803"}
    for connection in golden[mode]["connections"]:
        stream = (golden_dir / connection["accepted"]).read_bytes()
        first_serial = FrameReader(10_000).feed(stream)[0].serial
        session = Session(
            client_id="test",
            max_body_bytes=10_000,
            rsa=None if mode == "plain" else rsa,
            first_serial=first_serial,
        )
        session.start(0.0)
        ready, *replies = session.receive(stream, 0.0)
        assert isinstance(ready, SessionReady)
        assert ready.info.conn_id == connection["conn_id"]
        assert all(isinstance(reply, Reply) for reply in replies)
        last = PROTOCOLS[replies[-1].proto_id]
        assert parse_response(last, replies[-1].body).IsInitialized()
        orders = [reply.body for reply in replies if reply.proto_id == 2202]
        for body in orders:
            assert parse_response(PROTOCOLS[2202], body).s2c.orderIDEx == "1741803"
        assert len(orders) == connection["accepted"].count("_1_")


@pytest.mark.parametrize("mode", ["rsa", "cbc", "ftaes"])
def test_the_sdks_own_ciphers_read_what_ours_write(mode, golden_dir, rsa, tmp_path):
    plain = [bytes(i % 256 for i in range(length)) for length in (1, 15, 16, 17, 100, 101, 250)]
    cipher = rsa if mode == "rsa" else cipher_of(mode, 3004, rsa)
    task = {
        "mode": mode,
        "key_file": str(golden_dir / "rsa_1024.pem"),
        "aes_key": AES_KEY,
        "iv": AES_IV if mode == "cbc" else None,
        "bodies": [cipher.encrypt(body).hex() for body in plain],
    }
    done = subprocess.run(
        [sys.executable, golden_dir / "sdk_ciphers.py"],
        input=json.dumps(task),
        env={"HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert [bytes.fromhex(body) for body in json.loads(done.stdout.splitlines()[-1])] == plain
