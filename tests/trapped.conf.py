"""The product's own gunicorn configuration, with points in the workers where a trap may strike.

A step is a call of a method that moves an order on; `STEP:before` and `STEP:after` are its points.
Nothing in the product knows of them.
"""

import json
import os
import signal
import struct
from functools import wraps
from pathlib import Path
from runpy import run_path

import gevent

HOLD_LIMIT_S = 20.0
LOOK_INTERVAL_S = 0.005
ORDER_PATHS = ("/api/order", "/api/modify-order")
ORDER_PROTO_IDS = (2202, 2205)

product = run_path(str(Path("config/gunicorn.conf.py").resolve()))
globals().update({name: value for name, value in product.items() if not name.startswith("__")})


def post_worker_init(worker):
    """Set the points in the worker, after it was patched, and go on as the product does."""
    from gateway.audit import AuditLog
    from gateway.ledger.redis import RedisLedger
    from gateway.ledger.sqlite import SqliteLedger
    from gateway.opend.client import Client
    from gateway.opend.connection import Connection
    from gateway.trading.reconcile import Reconciler

    for ledger in (SqliteLedger, RedisLedger):
        set_points(ledger, "reserve", lambda *_, dry_run=False: None if dry_run else "reserve")
        set_points(ledger, "advance", lambda ledger, intent_id, step, now_s: f"advance-{step.state}")
        set_points(ledger, "begin_replay", lambda *_, **__: "claim")
        set_points(ledger, "finish_replay", lambda *_: "keep")
    set_points(AuditLog, "write", lambda log, event, **_: f"audit-{event.kind}")
    set_points(Client, "call", lambda client, protocol, *_, **__: order_step("call", protocol.proto_id))
    set_points(Connection, "_post", lambda connection, outgoing: frame_step(outgoing.frame))
    Reconciler.step = out_of_reach(Reconciler.step)
    worker.wsgi.wsgi_app = answering(worker.wsgi.wsgi_app)
    product["post_worker_init"](worker)


def out_of_reach(search):
    """The search for orders without points: a trap waits for the request of an order, not for one found."""

    def step(reconciler):
        gevent.getcurrent().has_no_points = True
        search(reconciler)

    return step


def order_step(name, proto_id):
    """The step, where the protocol is one of the two that orders travel by."""
    return name if proto_id in ORDER_PROTO_IDS else None


def frame_step(frame):
    """The step at which an order's bytes go to OpenD."""
    (proto_id,) = struct.unpack_from("<I", frame, 2)
    return order_step("wire", proto_id)


def set_points(owner, method_name, step_of):
    """Put two points round a method; `step_of` tells from its arguments what step it is, if any."""
    method = getattr(owner, method_name)

    @wraps(method)
    def between_points(*arguments, **named):
        step = step_of(*arguments, **named)
        reach(step, "before")
        result = method(*arguments, **named)
        reach(step, "after")
        return result

    setattr(owner, method_name, between_points)


def reach(step, moment):
    """Be at a point: die, wait, or go on."""
    if step is None or getattr(gevent.getcurrent(), "has_no_points", False):
        return
    if (action := taken(f"{step}:{moment}")) is None:
        return
    if action == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    with gevent.Timeout(HOLD_LIMIT_S):
        while trap_file("sprung").exists():
            gevent.sleep(LOOK_INTERVAL_S)


def taken(point):
    """What the trap does, if it waits at this point and no other process was faster."""
    try:
        order = json.loads(trap_file("armed").read_text())
        if order["point"] == point:
            trap_file("armed").rename(trap_file("sprung"))
            trap_file("worker").write_text(str(os.getpid()))
            return order["action"]
    except FileNotFoundError:
        pass
    return None


def trap_file(name):
    """One of the files that the test's side knows."""
    return Path(os.environ["TRAP_DIRECTORY"], name)


def answering(application):
    """The application with points where an order's answer is made, and where it has been written."""

    def answer(environ, start_response):
        made = application(environ, start_response)
        if environ["PATH_INFO"] not in ORDER_PATHS:
            return made
        reach("answer", "before")
        return Written(made)

    return answer


class Written:
    """An answer's body that says when the server is done with it."""

    def __init__(self, made):
        self._made = made

    def __iter__(self):
        return iter(self._made)

    def close(self):
        self._made.close()
        reach("answer", "after")
