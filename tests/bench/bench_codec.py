"""Measure the codec against protobuf's json_format, side by side.

Run as `python tests/bench/bench_codec.py`. For each of the 41 endpoints it prints the medians in
microseconds and their ratio: JSON bytes to a checked request, and a filled answer to JSON bytes.
"""

import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import orjson
from google.protobuf import json_format

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "schema"))

from fix_messages import filled_message, plain_body

from gateway.routes import ROUTES
from gateway.schema.codec import Codec, Int64Format, Numbering
from gateway.schema.descriptors import WireMessage
from gateway.schema.json_text import parse_object
from gateway.schema.protocols import Protocol

ROUNDS = 25
ROUND_S = 0.002
ROWS = 20


def medians_us(*functions: Callable[[], Any], rounds: int = ROUNDS) -> list[float]:
    """The median time of one call of each function, measured in turns."""
    counts = []
    for function in functions:
        function()  # the first call compiles
        started = time.thread_time()
        function()
        counts.append(max(1, int(ROUND_S / (time.thread_time() - started))))
    times: list[list[float]] = [[] for _ in functions]
    for _ in range(rounds):
        for index, function in enumerate(functions):
            started = time.thread_time()
            for _ in range(counts[index]):
                function()
            times[index].append((time.thread_time() - started) / counts[index] * 1e6)
    return [statistics.median(each) for each in times]


Pair: TypeAlias = tuple[Callable[[], Any], Callable[[], Any]]
"""The same work by the codec and by json_format."""


def decode_pair(codec: Codec, protocol: Protocol, body: dict[str, Any]) -> Pair:
    """From the bytes of a body to a checked request."""
    request_class = protocol.request
    ours = orjson.dumps(body)
    message = codec.decode_request(protocol, parse_object(ours))
    theirs = json.dumps(json_format.MessageToDict(message)).encode()
    return (
        lambda: codec.decode_request(protocol, parse_object(ours)),
        lambda: json_format.Parse(theirs, request_class()),
    )


def encode_pair(codec: Codec, message: WireMessage) -> Pair:
    """From a `Response` to the bytes of a body."""
    return (
        lambda: orjson.dumps(codec.encode(message, Int64Format.NUMBER)),
        lambda: orjson.dumps(json_format.MessageToDict(message)),
    )


def _filled_pairs(codec: Codec, protocol: Protocol) -> dict[str, Pair]:
    c2s = protocol.request.DESCRIPTOR.fields_by_name["c2s"].message_type
    answer = filled_message(protocol.response.DESCRIPTOR, rows=ROWS)
    return {
        "decode": decode_pair(codec, protocol, plain_body(c2s)),
        "encode": encode_pair(codec, answer),
    }


def main() -> None:
    codec = Codec(Numbering.DOCUMENTED)
    pairs = {route.name: _filled_pairs(codec, route.protocol) for route in ROUTES}
    for title in ("decode", "encode"):
        ratios = []
        print(f"{title:26} {'codec us':>12} {'json_format us':>16} {'ratio':>7}")
        for name, of_route in pairs.items():
            ours, theirs = medians_us(*of_route[title])
            ratios.append(theirs / ours)
            print(f"  {name:24} {ours:12.1f} {theirs:16.1f} {theirs / ours:7.2f}")
        print(f"  {'geometric mean':53} {statistics.geometric_mean(ratios):7.2f}\n")


if __name__ == "__main__":
    main()
