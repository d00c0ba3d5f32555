import pytest
from simulated_wire import INIT_CONNECT, Bench

from gateway.opend.crypto import AesCbcCipher, FtAesEcbCipher, PacketEncAlgo, PlainCipher, RsaCipher


@pytest.fixture
def rsa(rsa_key_file):
    return RsaCipher.from_file(rsa_key_file)


def init_connect(client, rsa, algo):
    """The reply's frame to an RSA-encrypted InitConnect with this algorithm, or with none given."""
    c2s = {**INIT_CONNECT, "packetEncAlgo": algo}
    if algo is None:
        del c2s["packetEncAlgo"]
    client.cipher = rsa
    client.send(client.request_bytes(1001, c2s))
    (frame,) = client.frames()
    return frame


@pytest.mark.parametrize("algo", [2, 0, None])
def test_the_session_is_encrypted_as_agreed(rsa, algo):
    client = Bench(rsa=rsa).client()
    s2c = client.decode(init_connect(client, rsa, algo)).s2c
    key = s2c.connAESKey.encode()
    client.cipher = AesCbcCipher(key, s2c.aesCBCiv.encode()) if algo == 2 else FtAesEcbCipher(key)
    assert s2c.HasField("aesCBCiv") == (algo == 2)
    assert client.ask(1002, userID=0).s2c.connID == s2c.connID


def test_pushes_are_encrypted_with_the_sessions_key(rsa):
    bench = Bench(rsa=rsa)
    client = bench.client()
    s2c = client.decode(init_connect(client, rsa, 2)).s2c
    client.cipher = AesCbcCipher(s2c.connAESKey.encode(), s2c.aesCBCiv.encode())
    bench.pushes.notify({"type": 3, "connectStatus": {"qotLogined": True, "trdLogined": False}})
    (push,) = client.pushed()
    assert push.s2c.connectStatus.qotLogined


def test_without_encryption_asked_for_only_the_request_is_rsa(rsa):
    client = Bench(rsa=rsa).client()
    frame = init_connect(client, rsa, PacketEncAlgo.NONE)
    client.cipher = PlainCipher()
    assert client.decode(frame).retType == 0
    assert client.ask(1002, userID=0).retType == 0


def test_a_plain_init_connect_is_refused_in_plain(rsa):
    reply = Bench(rsa=rsa).client().init_connect()
    assert reply.retType < 0
    assert reply.retMsg == "解析protobuf协议失败"


def test_a_plain_request_in_an_encrypted_session_is_refused(rsa):
    client = Bench(rsa=rsa).client()
    s2c = client.decode(init_connect(client, rsa, 2)).s2c
    client.cipher = PlainCipher()
    client.send(client.request_bytes(1004, {"time": 1}))
    client.cipher = AesCbcCipher(s2c.connAESKey.encode(), s2c.aesCBCiv.encode())
    (frame,) = client.frames()
    assert client.decode(frame).retType < 0


@pytest.mark.parametrize("algo", [1, 9])
def test_an_algorithm_that_it_does_not_have_is_refused(rsa, algo):
    client = Bench(rsa=rsa).client()
    assert client.decode(init_connect(client, rsa, algo)).retType == -1
    assert not client.session.ready


def test_without_a_key_nothing_is_encrypted():
    client = Bench().client()
    assert client.init_connect(packetEncAlgo=2).retType == 0
    assert client.ask(1002, userID=0).retType == 0
