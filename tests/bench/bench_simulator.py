"""How many plain requests a second the simulator answers: `python tests/bench/bench_simulator.py`.

Starts a simulator of its own and asks it over several connections, each with a window of requests in
flight. The last column is requests a second of the simulator's own processor time, which a busy
machine does not change.
"""

import os
import socket
import struct
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

sys.path.insert(0, str(Path(__file__).parents[1]))

from fix_simulator import SimulatorProcess

from gateway.opend.frame import HEADER_LENGTH, FrameReader, body_sha1, encode_frame
from gateway.schema.protocols import PROTOCOLS

TENCENT = {"market": 1, "code": "00700"}
INIT_CONNECT = {"clientVer": 300, "clientID": "bench", "packetEncAlgo": -1}
SUBSCRIBE = {"securityList": [TENCENT], "subTypeList": [1], "isSubOrUnSub": True}
REQUESTS: dict[int, dict[str, Any]] = {
    1004: {"time": 0},
    1002: {"userID": 0},
    3004: {"securityList": [TENCENT]},
}


class PipelinedConnection:
    """A connection that keeps a window of equal requests in flight, and only counts the replies."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=10)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for serial, (proto_id, c2s) in enumerate(((1001, INIT_CONNECT), (3001, SUBSCRIBE)), start=1):
            self._ask(proto_id, serial, c2s)

    def _ask(self, proto_id: int, serial: int, c2s: dict[str, Any]) -> None:
        self._socket.sendall(_frame(proto_id, serial, c2s))
        reader = FrameReader(max_body_bytes=1 << 20)
        while not (frames := reader.feed(self._socket.recv(1 << 16))):
            pass
        reply = PROTOCOLS[proto_id].response.FromString(frames[0].body)
        if reply.retType != 0:
            sys.exit(f"protocol {proto_id} was refused: {reply.retMsg}")

    def send(self, window: bytes) -> None:
        self._socket.sendall(window)

    def receive(self, count: int) -> None:
        """Wait for so many replies."""
        buffer, seen = bytearray(), 0
        while seen < count:
            buffer += self._socket.recv(1 << 18)
            ends = list(_frame_ends(buffer))
            seen += len(ends)
            del buffer[: ends[-1] if ends else 0]

    def close(self) -> None:
        self._socket.close()


def _frame(proto_id: int, serial: int, c2s: dict[str, Any]) -> bytes:
    body = PROTOCOLS[proto_id].request(c2s=c2s).SerializeToString()
    return encode_frame(proto_id, serial, body, sha1=body_sha1(body))


def _frame_ends(buffer: bytearray) -> Iterator[int]:
    start = 0
    while len(buffer) - start >= HEADER_LENGTH:
        (length,) = struct.unpack_from("<I", buffer, start + 12)
        start += HEADER_LENGTH + length
        if start > len(buffer):
            return
        yield start


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure(
    simulator: SimulatorProcess, proto_id: int, connections: int, window: int, seconds: float
) -> tuple[float, float]:
    """Requests a second of wall time, and of the simulator's processor time."""
    clients = [PipelinedConnection(simulator.port) for _ in range(connections)]
    requests = b"".join(_frame(proto_id, serial, REQUESTS[proto_id]) for serial in range(10, 10 + window))
    answered, started_s, cpu_before_s = 0, time.monotonic(), _cpu_s(simulator.process.pid)
    while time.monotonic() - started_s < seconds:
        for client in clients:
            client.send(requests)
        for client in clients:
            client.receive(window)
        answered += window * connections
    elapsed_s, cpu_s = time.monotonic() - started_s, _cpu_s(simulator.process.pid) - cpu_before_s
    for client in clients:
        client.close()
    return answered / elapsed_s, answered / cpu_s


@click.command()
@click.option("--connections", default=4, show_default=True)
@click.option("--window", default=32, show_default=True, help="Requests in flight on each connection.")
@click.option("--seconds", default=3.0, show_default=True, help="For each protocol.")
def main(connections: int, window: int, seconds: float) -> None:
    """Measure the simulator."""
    simulator = SimulatorProcess("--frequency-limits", "off")
    try:
        print(f"{'protocol':20} {'req/s':>10} {'req/s of cpu':>14}")
        for proto_id in REQUESTS:
            per_s, per_cpu_s = measure(simulator, proto_id, connections, window, seconds)
            print(f"{PROTOCOLS[proto_id].name:20} {per_s:10.0f} {per_cpu_s:14.0f}")
    finally:
        simulator.stop()


if __name__ == "__main__":
    main()
