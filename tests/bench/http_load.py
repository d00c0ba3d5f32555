"""Load on a server over HTTP: many clients by wrk, one client by a socket of its own."""

import json
import socket
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.process import cpu_s
from bench.stand import Served

SCRIPT = Path(__file__).with_name("post.lua")
LIMIT_S = 30.0


class LoadFailed(Exception):
    """Answers were missing or no success, so that the figure would mean nothing."""


def many_clients(
    served: Served,
    path: str,
    bodies: Sequence[Any],
    *,
    clients: int,
    seconds: float,
    directory: Path,
    opend_pid: int | None = None,
) -> dict[str, float]:
    """What so many clients get who ask at once, again and again. Raises LoadFailed.

    Beside what wrk says: the processor time that the worker, and the process behind it, took for an
    answer, which a busy machine hardly changes, and how much of the time the worker was running.
    """
    file = directory / "bodies.txt"
    file.write_text("".join(json.dumps(body) + "\n" for body in bodies))
    headers = [f"{name}: {value}" for name, value in served.headers.items()]
    command = [
        "wrk",
        "-t1",
        f"-c{clients}",
        f"-d{seconds}s",
        "--timeout",
        f"{LIMIT_S:.0f}s",
        "-s",
        str(SCRIPT),
    ]
    command += [f"http://127.0.0.1:{served.port}{path}", "--", str(file), *headers]
    worker = served.worker
    pids = {"worker": worker} | ({"opend": opend_pid} if opend_pid else {})
    before = {name: cpu_s(pid) for name, pid in pids.items()}
    ran = subprocess.run(command, capture_output=True, text=True, timeout=seconds + 2 * LIMIT_S)
    took = {name: cpu_s(pid) - before[name] for name, pid in pids.items()}
    result = json.loads(ran.stdout.strip().rpartition("\n")[2] or "{}")
    if ran.returncode or not result["answers"] or result["refused"] or result["failed"]:
        raise LoadFailed(f"{path}: {result} {ran.stderr}")
    used = {f"{name} cpu": spent_s / result["answers"] * 1e6 for name, spent_s in took.items()}
    return {
        "throughput": result["answers"] / result["seconds"],
        **used,
        "worker busy": took["worker"] / result["seconds"] * 100,
    }


MANY_UNITS = {
    "throughput": "requests/s",
    "worker cpu": "us/request",
    "opend cpu": "us/request",
    "worker busy": "% of a core",
}


class OneClient:
    """A client that asks, waits for the whole answer, and asks again, on one connection."""

    def __init__(self, served: Served, path: str, body: Any) -> None:
        content = json.dumps(body).encode()
        headers = {"Host": f"127.0.0.1:{served.port}", **served.headers, "Content-Type": "application/json"}
        lines = [f"{name}: {value}\r\n" for name, value in headers.items()]
        head = f"POST {path} HTTP/1.1\r\n{''.join(lines)}Content-Length: {len(content)}\r\n\r\n"
        self._request = head.encode() + content
        self._socket = socket.create_connection(("127.0.0.1", served.port), timeout=LIMIT_S)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def ask(self) -> bytes:
        """The body of the answer. Raises LoadFailed when it is no success."""
        self._socket.sendall(self._request)
        data = b""
        while (end := data.find(b"\r\n\r\n")) < 0:
            data += self._more()
        head = data[:end].lower()
        at = head.index(b"content-length: ") + 16
        whole = end + 4 + int(head[at : at + 12].split(b"\r", 1)[0])
        while len(data) < whole:
            data += self._more()
        if not head.startswith(b"http/1.1 200"):
            raise LoadFailed(data[:1000].decode(errors="replace"))
        return data[end + 4 :]

    def _more(self) -> bytes:
        more = self._socket.recv(1 << 18)
        if not more:
            raise LoadFailed("the server closed the connection")
        return more

    def latencies_s(self, count: int) -> list[float]:
        """How long each of so many requests took."""
        took = []
        for _ in range(count):
            started_s = time.perf_counter()
            self.ask()
            took.append(time.perf_counter() - started_s)
        return took

    def close(self) -> None:
        self._socket.close()


def percentiles_ms(latencies_s: list[float]) -> dict[str, float]:
    """p50 and p99 of one round."""
    ordered = sorted(latencies_s)
    return {"p50": ordered[len(ordered) // 2] * 1e3, "p99": ordered[int(len(ordered) * 0.99)] * 1e3}


LATENCY_UNITS = {"p50": "ms", "p99": "ms"}
