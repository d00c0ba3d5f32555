"""Re-makes the golden bytes: what the official SDK sends, and what it accepts.

    .venv/bin/python tests/golden/capture.py

A small server, written with the SDK's own message classes and PyCryptodome and none of the gateway's
code, lets the SDK in a process of its own do a short tour: InitConnect, global state, a
subscription, the list of accounts and a paper order. For each way of encryption the bytes of both
directions are stored, one file a connection, beside `golden.json`, which says what the SDK read out
of the answers. The RSA key is made once and kept.
"""

import hashlib
import json
import os
import socket
import struct
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

HERE = Path(__file__).parent
RSA_KEY = HERE / "rsa_1024.pem"
HEADER = struct.Struct("<2sIBBII20s8s")
AES_KEY = "3F17CF3EEF912C92"
AES_IV = "C119DDDD6314F18A"
CONN_ID = 6813746013095493825
ACC_ID = 987654
LONG_CLIENT_ID = "more-than-one-rsa-block-" + 80 * "x"
LONG_RET_MSG = "more than one RSA block " + 80 * "x"
MODES = ("plain", "cbc", "ftaes")


def tour(mode, port):
    """The SDK's side; prints what it was told as one JSON line."""
    import futu

    if mode != "plain":
        futu.SysConfig.enable_proto_encrypt(True)
        futu.SysConfig.set_init_rsa_file(str(RSA_KEY))
    if mode == "cbc":
        futu.SysConfig.set_client_info(LONG_CLIENT_ID, 300)
    futu.SysConfig.set_all_thread_daemon(True)
    quotes = futu.OpenQuoteContext("127.0.0.1", port)
    seen = {"global_state": accepted(quotes.get_global_state())["server_ver"]}
    seen["subscribe"] = accepted(quotes.subscribe(["HK.00700", "US.AAPL"], [futu.SubType.QUOTE]))
    quotes.close()
    trades = futu.OpenSecTradeContext(futu.TrdMarket.HK, "127.0.0.1", port)
    order = accepted(
        trades.place_order(
            price=380.2, qty=100, code="HK.00700", trd_side=futu.TrdSide.BUY,
            trd_env=futu.TrdEnv.SIMULATE, acc_id=ACC_ID, remark="golden",
        )
    )  # fmt: skip
    seen["order_id"] = order["order_id"][0]
    trades.close()
    print(json.dumps(seen), flush=True)
    os._exit(0)


def accepted(answer):
    """The data of the SDK's (code, data); stops the capture when the SDK did not accept the bytes."""
    code, data = answer
    if code != 0:
        sys.exit(f"the SDK did not accept an answer: {data}")
    return data


class Ciphers:
    """What a mode does to bodies, with PyCryptodome."""

    def __init__(self, mode):
        from Crypto.Cipher import AES, PKCS1_v1_5
        from Crypto.PublicKey import RSA

        self.mode = mode
        self._aes = AES
        self._rsa = PKCS1_v1_5.new(RSA.import_key(RSA_KEY.read_bytes()))

    def encrypt(self, proto_id, data):
        if self.mode == "plain":
            return data
        if proto_id == 1001:
            return b"".join(self._rsa.encrypt(data[i : i + 100]) for i in range(0, len(data), 100))
        if self.mode == "cbc":
            padding = 16 - len(data) % 16
            return self._cbc().encrypt(data + bytes([padding]) * padding)
        tail = len(data) % 16
        return self._ecb().encrypt(data + bytes(-len(data) % 16)) + bytes(15) + bytes([tail])

    def decrypt(self, proto_id, data):
        if self.mode == "plain":
            return data
        if proto_id == 1001:
            return b"".join(self._rsa.decrypt(data[i : i + 128], None) for i in range(0, len(data), 128))
        if self.mode == "cbc":
            plain = self._cbc().decrypt(data)
            return plain[: -plain[-1]]
        plain = self._ecb().decrypt(data[:-16])
        return plain[: len(plain) - (16 - data[-1])] if data[-1] else plain

    def _cbc(self):
        return self._aes.new(AES_KEY.encode(), self._aes.MODE_CBC, iv=AES_IV.encode())

    def _ecb(self):
        return self._aes.new(AES_KEY.encode(), self._aes.MODE_ECB)


class CaptureServer:
    """Serves the tour and keeps the bytes of every connection, both directions."""

    def __init__(self, mode):
        self.sent_by_sdk = []
        self.accepted_by_sdk = []
        self._mode = mode
        self._ciphers = Ciphers(mode)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            connected, _ = self._listener.accept()
            number = len(self.sent_by_sdk)
            self.sent_by_sdk.append(b"")
            self.accepted_by_sdk.append(b"")
            threading.Thread(target=self._serve, args=(connected, number), daemon=True).start()

    def _serve(self, connected, number):
        while (header := receive(connected, HEADER.size)) is not None:
            _, proto_id, _, _, serial, length, _, _ = HEADER.unpack(header)
            body = receive(connected, length)
            if body is None:
                return
            self.sent_by_sdk[number] += header + body
            plain = self._answer(proto_id, self._ciphers.decrypt(proto_id, body), number)
            wire = self._ciphers.encrypt(proto_id, plain)
            sha1 = hashlib.sha1(plain).digest()
            frame = HEADER.pack(b"FT", proto_id, 0, 0, serial, len(wire), sha1, bytes(8)) + wire
            self.accepted_by_sdk[number] += frame
            connected.sendall(frame)

    def _answer(self, proto_id, body, number):
        import importlib

        name, s2c = ANSWERS[proto_id]
        messages = importlib.import_module(f"futu.common.pb.{name}_pb2")
        request = messages.Request.FromString(body)
        fields = s2c(request.c2s, self._mode, number)
        ret_msg = LONG_RET_MSG if proto_id == 1001 else ""
        return messages.Response(retType=0, retMsg=ret_msg, errCode=0, s2c=fields).SerializeToString()


def init_connect(_c2s, mode, number):
    s2c = {
        "serverVer": 1011,
        "loginUserID": 1001289516908051,
        "connID": CONN_ID + number,
        "connAESKey": AES_KEY,
        "keepAliveInterval": 10,
    }
    return s2c if mode == "ftaes" else {**s2c, "aesCBCiv": AES_IV}


def global_state(*_):
    markets = {f"market{name}": 6 for name in ("HK", "US", "SH", "SZ", "HKFuture")}
    logins = {"qotLogined": True, "trdLogined": True}
    return {**markets, **logins, "serverVer": 1011, "serverBuildNo": 7108, "time": 1624523642}


def accounts(*_):
    account = {"trdEnv": 0, "accID": ACC_ID, "trdMarketAuthList": [1], "accType": 1, "simAccType": 1}
    return {"accList": [account]}


def header(c2s):
    return {"trdEnv": c2s.header.trdEnv, "accID": c2s.header.accID, "trdMarket": c2s.header.trdMarket}


def place_order(c2s, *_):
    return {"header": header(c2s), "orderID": 4883217202603317248, "orderIDEx": "1741803"}


def orders(c2s, *_):
    order = {
        "trdSide": 1, "orderType": 1, "orderStatus": 5, "orderID": 4883217202603317248,
        "orderIDEx": "1741803", "code": "00700", "name": "Tencent", "qty": 100, "price": 380.2,
        "createTime": "2021-09-13 16:45:00", "updateTime": "2021-09-13 16:45:00",
        "secMarket": 1, "remark": "golden",
    }  # fmt: skip
    return {"header": header(c2s), "orderList": [order]}


def nothing(*_):
    return {}


ANSWERS = {
    1001: ("InitConnect", init_connect),
    1002: ("GetGlobalState", global_state),
    1004: ("KeepAlive", lambda c2s, *_: {"time": c2s.time}),
    2001: ("Trd_GetAccList", accounts),
    2008: ("Trd_SubAccPush", nothing),
    2201: ("Trd_GetOrderList", orders),
    2202: ("Trd_PlaceOrder", place_order),
    3001: ("Qot_Sub", nothing),
}


def receive(connected, length):
    data = b""
    while len(data) < length:
        more = connected.recv(length - len(data))
        if not more:
            return None
        data += more
    return data


def capture(mode):
    """Run the tour in one mode; writes its files and returns its entry for `golden.json`."""
    server = CaptureServer(mode)
    command = [sys.executable, __file__, "tour", mode, str(server.port)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=60)
    if done.returncode:
        sys.exit(done.stdout)
    connections = []
    pairs = zip(server.sent_by_sdk, server.accepted_by_sdk, strict=True)
    for number, (sent, answered) in enumerate(pairs):
        files = {"sent": f"{mode}_{number}_sent.bin", "accepted": f"{mode}_{number}_accepted.bin"}
        (HERE / files["sent"]).write_bytes(sent)
        (HERE / files["accepted"]).write_bytes(answered)
        connections.append({**files, "conn_id": CONN_ID + number})
    seen = next(line for line in done.stdout.splitlines() if line.startswith("{"))
    return {"connections": connections, "read_by_sdk": json.loads(seen)}


def make_key():
    from Crypto.PublicKey import RSA

    if not RSA_KEY.exists():
        RSA_KEY.write_bytes(RSA.generate(1024).export_key() + b"\n")  # noqa: S505 - OpenD's length


def main():
    with tempfile.TemporaryDirectory() as home:
        os.environ["HOME"] = home  # the SDK writes its log there
        make_key()
        golden = {mode: capture(mode) for mode in MODES}
    (HERE / "golden.json").write_text(json.dumps(golden, indent=2) + "\n")


if __name__ == "__main__":
    if sys.argv[1:2] == ["tour"]:
        tour(sys.argv[2], int(sys.argv[3]))
    else:
        main()
