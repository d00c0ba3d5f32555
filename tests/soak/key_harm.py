"""The policy file is replaced by good and bad ones, and keys come and go."""

import json
import time
from collections.abc import Callable
from contextlib import ExitStack
from http.client import HTTPException
from random import Random
from threading import Lock
from typing import Any
from uuid import uuid4

from fix_gateway import wait_until
from soak.harm import Harm, Lane
from soak.key import KEYS, PAPER_HK, READER
from soak.stage import Stage
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from gateway.policy.token import new_token

IN_FORCE_WITHIN_S = 5.0
"""A second is promised where the machine is not this busy."""

CLOSED_WITHIN_S = 2.0
UNAUTHORIZED, KEY_ENDED = 401, 4401
SOCKETS = 4
LOOKS = 12
"""So many requests on connections of their own that each worker has some of them."""

_MANY = {"version": 1, "keys": [{"id": "k", "scopes": ["everything"], "hash": "none"}] * 50}

BAD_FILES: tuple[Callable[[bytes], bytes], ...] = (
    lambda good: b"",
    lambda good: good[: len(good) // 2],
    lambda good: good.replace(b'"version": 1', b'"version": 2'),
    lambda good: good.replace(b'"keys"', b'"kees"'),
    lambda good: good.replace(b'"max_orders_per_minute": 20', b'"max_orders_per_minute": "20"'),
    lambda good: good.replace(b'"scopes"', b'"scope"', 1),
    lambda good: good + good,
    lambda good: b"\x00\xff" * 5000,
    lambda good: b"[" * 20_000,
    lambda good: b"a: &a [x, x]\nb: &b [*a, *a]\n" * 50,
    lambda good: json.dumps(_MANY).encode(),
)
"""What somebody may leave in place of a good file, in full or on its way."""


_one_at_a_time = Lock()
"""The harms to the file and those by keys are of different lanes, and have one file."""


def break_policy(stage: Stage, pick: Random) -> None:
    """The file is wrong for a while, in one way or another: the one before holds."""
    with _one_at_a_time:
        good = stage.policy_file.read_bytes()
        bad = pick.choice(BAD_FILES)(good)
        assert bad != good, "a file that is the same is not wrong"
        _replace(stage, bad, pick)
        try:
            time.sleep(pick.uniform(0.3, 2.0))
            assert _is_known(stage, READER), "a wrong file took a key away"
        finally:
            _replace(stage, good, pick)


def remove_policy(stage: Stage, pick: Random) -> None:
    """There is no file for a while, or everybody may read it: the one before holds."""
    away = stage.policy_file.with_suffix(".away")
    with _one_at_a_time:
        if pick.random() < 0.5:
            stage.policy_file.rename(away)
        else:
            stage.policy_file.chmod(0o644)
        try:
            time.sleep(pick.uniform(0.3, 2.0))
            assert _is_known(stage, READER), "a file that cannot be used took a key away"
        finally:
            if away.exists():
                away.rename(stage.policy_file)
            stage.policy_file.chmod(0o600)


def come_and_go(stage: Stage, pick: Random) -> None:
    """A key is added and revoked again: within moments its sockets are closed, and no order of it passes."""
    key_id = f"guest-{uuid4().hex[:8]}"
    stage.tokens[key_id] = new_token()
    guest = {"scopes": ["qot:read", "acc:read", "trade:real"], "allowed_acc_ids": [PAPER_HK.acc_id]}
    with _one_at_a_time:
        stage.write_policy({**KEYS, key_id: guest})
        try:
            wait_until(lambda: _is_known(stage, key_id), IN_FORCE_WITHIN_S)
            with ExitStack() as sockets:
                opened = [sockets.enter_context(_socket(stage, key_id)) for _ in range(SOCKETS)]
                _order(stage, key_id)
                stage.write_policy(KEYS)
                deadline_s = time.monotonic() + CLOSED_WITHIN_S
                codes = [_close_code(socket, deadline_s) for socket in opened]
            assert codes == [KEY_ENDED] * SOCKETS, f"sockets of a revoked key ended with {codes}"
            late = _order(stage, key_id)
            assert late == UNAUTHORIZED, f"an order of a revoked key was answered with {late}"
        finally:
            stage.write_policy(KEYS)
            del stage.tokens[key_id]


def _replace(stage: Stage, content: bytes, pick: Random) -> None:
    """In place, or as a whole."""
    if pick.random() < 0.5:
        stage.policy_file.write_bytes(content)
        return
    new = stage.policy_file.with_suffix(".new")
    new.touch(0o600)
    new.write_bytes(content)
    new.replace(stage.policy_file)


def _socket(stage: Stage, key_id: str) -> ClientConnection:
    """Past nginx, without TLS: on a socket of Python's `ssl` no two threads may read and write at a time."""
    return connect(
        f"ws://127.0.0.1:{stage.gateway.port}/ws",
        additional_headers={"Authorization": f"Bearer {stage.tokens[key_id]}"},
        open_timeout=30,
        close_timeout=1,
        ping_interval=None,
        proxy=None,
    )


def _close_code(socket: ClientConnection, deadline_s: float) -> int | None:
    """The code that a socket ends with; None when it is still open at the deadline."""
    try:
        while True:
            socket.recv(timeout=max(0.0, deadline_s - time.monotonic()))
    except TimeoutError:
        return None
    except ConnectionClosed as closed:
        return closed.rcvd.code if closed.rcvd else 1006


def _order(stage: Stage, key_id: str) -> int | None:
    body = {
        "header": PAPER_HK.header,
        "trd_side": "BUY",
        "order_type": "NORMAL",
        "code": PAPER_HK.code,
        "qty": PAPER_HK.lot,
        "price": PAPER_HK.price,
        "sec_market": PAPER_HK.sec_market,
    }
    return _ask(stage, "POST", "/api/order", key_id, body)


def _is_known(stage: Stage, key_id: str) -> bool:
    """Whether every worker knows a key: there is no such intent, or it may not ask. OpenD is not needed."""
    asked = [_ask(stage, "GET", "/api/orders/intent/none", key_id) for _ in range(LOOKS)]
    return UNAUTHORIZED not in asked


def _ask(stage: Stage, method: str, path: str, key_id: str, body: Any = None) -> int | None:
    """What the gateway itself answers; None when the worker ended just then."""
    headers = {"Authorization": f"Bearer {stage.tokens[key_id]}"}
    try:
        return stage.gateway.request(method, path, body, headers)[0].status
    except (HTTPException, OSError):
        return None


HARMS = (
    Harm("policy file wrong for a while", Lane.REST, 20, break_policy),
    Harm("policy file gone or open to all", Lane.REST, 5, remove_policy),
    # A worker that is killed meanwhile would close sockets in its own way.
    Harm("key added and revoked", Lane.WORKER, 10, come_and_go),
)
