"""The gateway's application, with a clock at both ends of an order's way through the desk.

What the desk takes beside its one call to OpenD that places the order is what checks, ledger and audit
add: judging, with the quotes that it asks for; the charges and each step in the ledger; the audit's lines.
For each order TIMES_FILE gets a line: microseconds in the desk, and of these for the placing. For one
client at a time, as orders are not told apart.
"""

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gateway.opend.client import Client
from gateway.schema.protocols import Protocol
from gateway.trading.desk import PLACE_ORDER, Desk
from gateway.web.serve import app_of_master

TIMES = Path(os.environ["TIMES_FILE"]).open("a", buffering=1)  # noqa: SIM115 - open as long as the process
placing_s = 0.0


def timed_call(call: Callable[..., Any]) -> Callable[..., Any]:
    def wrapped(self: Client, protocol: Protocol, *arguments: Any, **options: Any) -> Any:
        global placing_s
        started_s = time.perf_counter()
        try:
            return call(self, protocol, *arguments, **options)
        finally:
            if protocol is PLACE_ORDER:
                placing_s = time.perf_counter() - started_s

    return wrapped


def timed_submit(submit: Callable[..., Any]) -> Callable[..., Any]:
    def wrapped(self: Desk, *arguments: Any) -> Any:
        started_s = time.perf_counter()
        answer = submit(self, *arguments)
        TIMES.write(f"{(time.perf_counter() - started_s) * 1e6:.1f} {placing_s * 1e6:.1f}\n")
        return answer

    return wrapped


Client.call = timed_call(Client.call)
Desk.submit = timed_submit(Desk.submit)
app = app_of_master()
