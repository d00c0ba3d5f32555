"""Baseline (e): flask_sock, whose sockets are sent each push in a loop. OPEND_PORT names OpenD's port.

A push is read and made text once, for all sockets.
"""

import os

import gevent
import orjson
from bench.baseline.bare_socket import BareSocket
from flask import Flask
from flask_sock import Sock
from google.protobuf import json_format
from simple_websocket import ConnectionClosed

from gateway.schema.protocols import PROTOCOLS

app = Flask(__name__)
sock = Sock(app)
clients = set()


@sock.route("/ws")
def serve(ws) -> None:
    clients.add(ws)
    try:
        while True:
            ws.receive()
    finally:
        clients.discard(ws)


def follow() -> None:
    opend = BareSocket(int(os.environ["OPEND_PORT"]))
    subscription = {"securityList": [{"market": 1, "code": "00700"}], "subTypeList": [5]}
    opend.ask("Qot_Sub", {**subscription, "isSubOrUnSub": True, "isRegOrUnRegPush": True})
    for proto_id, body in opend.pushes():
        push = PROTOCOLS[proto_id].response.FromString(body)
        text = orjson.dumps(json_format.MessageToDict(push.s2c)).decode()
        for ws in list(clients):
            try:
                ws.send(text)
            except (ConnectionClosed, OSError):
                clients.discard(ws)


gevent.spawn(follow)
