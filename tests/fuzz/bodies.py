"""Requests with wrong bodies, wrong queries and wrong headers, to all endpoints.

A case is a request as text: method and target, headers, an empty line, the body. Whatever it is, the
answer is no 5xx and nothing is logged as a defect; an order is at the simulator if, and only if, the
answer says so; and a right request is answered as before.
"""

import json
import random
import re
from base64 import b64encode
from collections.abc import Iterator
from functools import cache
from typing import Any

import orjson
from e2e.examples import BODIES, PAGE_ORDER, PAGE_QUOTE
from fuzz.campaign import Finding, Target
from fuzz.frames import filled
from fuzz.inside import Inside
from fuzz.mutation import any_value, mutated, mutated_value

from gateway.routes import ROUTES

WORDS = (
    *(
        b'"',
        b"\\",
        b"\\ud800",
        b"\\u0000",
        b"{",
        b"}",
        b"[",
        b"]",
        b",",
        b":",
        b"NaN",
        b"Infinity",
        b"-",
        b"1e999",
    ),
    *(
        b"9" * 5000,
        b"[" * 40,
        b'{"a":' * 40,
        b"\xff",
        b"\xed\xa0\x80",
        b"\xef\xbb\xbf",
        b"\x00",
        b"null",
        b"true",
    ),
    *(
        b'"market":1,',
        b'"c2s":',
        b'"header":{}',
        b'"HK.00700"',
        b"00",
        b"+1",
        b".5",
        b"1.",
        b"0x1",
        b"'",
        b"/**/",
        b"\\u0041",
    ),
)
QUERIES = (
    "int64=string",
    "int64=number",
    "int64=",
    "ttl_s=60",
    "ttl_s=-1",
    "is_req_all_conn=false",
    "%ff",
    "a&b",
    "=",
)
HEADERS = (
    *(
        "X-Dry-Run: true",
        "X-Dry-Run: yes",
        "X-Allow-Duplicate: true",
        "Idempotency-Key: k",
        "Idempotency-Key: \xff",
    ),
    *(
        "X-Request-Id: r",
        "X-Request-Id: \n",
        "Content-Type: text/plain",
        "Content-Length: 5",
        "Origin: http://a",
    ),
)
ALLOWED = frozenset({200, 400, 403, 404, 409, 422, 429})
WORLD_CASES = 4000
"""So many cases have one world; then a new one begins, since orders make every list longer."""

_FIGURES = re.compile(r"\d+|\"[^\"]*\"|\[[^]]*\]")


def request_text(method: str, target: str, body: Any, *headers: str) -> bytes:
    content = body if isinstance(body, bytes) else orjson.dumps(body)
    return "\n".join([f"{method} {target}", *headers, "", ""]).encode() + content


def jsonable(value: Any) -> Any:
    """Bytes as callers write them."""
    if isinstance(value, dict):
        return {name: jsonable(member) for name, member in value.items()}
    if isinstance(value, list):
        return [jsonable(member) for member in value]
    return b64encode(value).decode() if isinstance(value, bytes) else value


def right_requests() -> Iterator[bytes]:
    """A right request for every endpoint, and one with every field of its message."""
    for route in ROUTES:
        if route.method == "GET":
            yield request_text("GET", route.path, b"")
            continue
        body = BODIES[route.name]
        yield request_text("POST", route.path, body)
        yield request_text("POST", route.path + "?int64=string", {"c2s": body})
        yield request_text("POST", route.path, jsonable(filled(request_fields(route))))
    yield request_text("POST", "/api/quote", PAGE_QUOTE.encode())
    yield request_text("POST", "/api/order", PAGE_ORDER.encode(), "Idempotency-Key: first")
    yield request_text("POST", "/api/order", BODIES["order"], "X-Dry-Run: true")
    yield request_text("GET", "/api/orders/intent/01M82NJAAE2SRBH40VN4WD7VCM", b"")


def request_fields(route: Any) -> Any:
    return route.protocol.request.DESCRIPTOR.fields_by_name["c2s"].message_type


class Bodies(Target):
    """Requests through the WSGI application."""

    name = "bodies"

    def __init__(self) -> None:
        self._inside: Inside | None = None
        self._cases = 0

    def seeds(self) -> list[bytes]:
        return list(right_requests())

    def case(self, source: bytes, dice: random.Random) -> bytes:
        head, _, body = source.partition(b"\n\n")
        how = dice.random()
        if how < 0.1:
            return with_other_head(head, dice) + b"\n\n" + body
        if how < 0.25 or not body:
            return head + b"\n\n" + changed_bytes(body, dice)
        return head + b"\n\n" + other_json(body, dice)

    def run(self, case: bytes) -> str:
        inside = self._world()
        method, target, headers, body = parts_of(case)
        placed = len(inside.simulation.journal.entries)
        status, answer_headers, content = inside.request(method, target, headers, body)
        inside.defects.require_none()
        answer = require_well_formed(status, answer_headers, content)
        placed = sum(entry["event"] == "placed" for entry in inside.simulation.journal.entries[placed:])
        require_told(target, headers, status, answer, placed)
        text = _FIGURES.sub("_", answer.get("error", ""))[:40]
        return f"{method} {target.partition('?')[0][:24]} {status} {text}"

    def _world(self) -> Inside:
        if self._inside is None or self._cases >= WORLD_CASES:
            if self._inside is not None:
                require_good_answers(self._inside)
                self._inside.close()
            self._inside, self._cases = Inside(), 0
        self._cases += 1
        return self._inside


def parts_of(case: bytes) -> tuple[str, str, dict[str, str], bytes]:
    """Method, target, headers and body; what is missing is made up."""
    head, _, body = case.partition(b"\n\n")
    first, *lines = head.decode("latin-1").split("\n")
    method, _, target = first.partition(" ")
    pairs = (line.partition(":") for line in lines)
    return method, target, {name.strip(): value.strip() for name, _, value in pairs if name.strip()}, body


def with_other_head(head: bytes, dice: random.Random) -> bytes:
    first, *lines = head.decode("latin-1").split("\n")
    match dice.randrange(4):
        case 0:
            first = first.partition("?")[0] + "?" + dice.choice(QUERIES)
        case 1:
            first = first + ("&" if "?" in first else "?") + dice.choice(QUERIES)
        case 2:
            lines.append(dice.choice(HEADERS))
        case _:
            method, _, target = first.partition(" ")
            first = f"{method} {mutated(target.encode(), dice).decode('latin-1')}"
    return "\n".join([first, *lines]).encode("latin-1", "replace")


def changed_bytes(body: bytes, dice: random.Random) -> bytes:
    """The body with some bytes changed; mostly it stays a text."""
    changed = mutated(body, dice, WORDS)[:300_000]
    return changed if dice.random() < 0.2 else changed.decode("utf-8", "ignore").encode()


def other_json(body: bytes, dice: random.Random) -> bytes:
    """The body with one or two values exchanged, written in one of the ways that JSON may be written in."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return changed_bytes(body, dice)
    for _ in range(dice.randint(1, 2)):
        value = mutated_value(value, dice, inside=0.98)
    if dice.random() < 0.02:
        value = [value] if dice.random() < 0.5 else any_value(dice)
    try:
        return json.dumps(
            value, ensure_ascii=dice.random() < 0.3, indent=dice.choice((None, None, 1))
        ).encode("utf-8", "surrogatepass")[:300_000]
    except (ValueError, RecursionError):
        return body


def require_well_formed(status: int, headers: dict[str, str], content: bytes) -> dict[str, Any]:
    """The answer's JSON. Raises Finding unless it is one of those that the documentation names."""
    if status not in ALLOWED:
        raise Finding(f"answered {status}: {content[:500]!r}")
    if headers.get("Content-Type") != "application/json":
        raise Finding(f"the answer is {headers.get('Content-Type')}")
    answer = orjson.loads(content)
    if (status == 200) == ("error" in answer) or not isinstance(answer, dict):
        raise Finding(f"{status} and {content[:300]!r}")
    if status != 200 and not 0 < len(answer["error"]) < 4000:
        raise Finding(f"an error of {len(answer['error'])} characters")
    if "field" in answer and (not answer["error"].startswith(answer["field"]) or len(answer["error"]) > 700):
        raise Finding(f"the error does not name its field: {answer}")
    return answer


def require_told(
    target: str, headers: dict[str, str], status: int, answer: dict[str, Any], placed: int
) -> None:
    """A new order for each 200 of /api/order that is no dry run and no repetition, and for nothing else."""
    is_order = target.partition("?")[0] == "/api/order" and status == 200
    may_be_old = "order_id" not in answer.get("s2c", {}) or "Idempotency-Key" in headers
    if placed > is_order or (is_order and not placed and not may_be_old and "packet" not in str(answer)):
        raise Finding(f"{placed} orders were placed and the answer is {status}: {str(answer)[:300]}")


@cache
def right_ones() -> tuple[bytes, ...]:
    return tuple(
        request_text("POST", f"/api/{name}", BODIES[name])
        for name in ("quote", "snapshot", "orders", "order")
    )


def require_good_answers(inside: Inside) -> None:
    """Right requests are answered as if nothing had been."""
    for case in right_ones():
        method, target, headers, body = parts_of(case)
        status, _, content = inside.request(method, target, headers, body)
        if status != 200:
            raise Finding(f"after all that, {target} answers {status}: {content[:300]!r}")
