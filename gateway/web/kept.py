"""Answers that are kept for a time: of routes that OpenD limits hard and whose answers hardly change.

The configuration says which, and for how long (`quote.keep_s`). Each worker keeps its own, as the body's
bytes, and forgets them all when its session with OpenD is another one or is gone.
"""

from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from flask import request

from gateway.clock import Clock
from gateway.metrics.table import KEPT_ANSWER_BYTES, count_kept_answer
from gateway.routes import Route
from gateway.schema.codec import Int64Format
from gateway.schema.descriptors import WireMessage

MAX_BYTES = 16 * 1024 * 1024
"""Of all that a worker keeps; what was not asked for longest goes first."""

MAX_ANSWER_BYTES = MAX_BYTES // 8
"""A larger answer is not kept."""

ENTRY_BYTES = 512
"""What an answer takes beside its question and its body, rounded up."""

_SORTS_BY_CODE = frozenset({0, 1})

_HANGS_ON_PRICES: Mapping[str, Callable[[Any], bool]] = {
    "option-chain": lambda c2s: bool(c2s.condition) or c2s.HasField("dataFilter"),
    "plate-security": lambda c2s: c2s.sortField not in _SORTS_BY_CODE,
}
"""Questions to routes that may be kept, whose answers change with every price all the same."""

Answer: TypeAlias = tuple[bytes, Mapping[str, str]]
"""A body, and the headers that go with it."""

_Key: TypeAlias = tuple[str, bytes, Int64Format]
"""The route's name, the request's bytes, and how the body writes 64-bit integers."""


@dataclass(frozen=True, slots=True)
class _Kept:
    body: bytes
    asked_s: float
    size_bytes: int


class KeptAnswers:
    """What one worker keeps.

    `session` gives an object that is another one after OpenD was lost, and None while there is none.
    `keep_s` has the seconds by the route's name; a route that it lacks, or has as 0, is always asked.
    """

    def __init__(self, clock: Clock, keep_s: Mapping[str, int], session: Callable[[], object | None]) -> None:
        self._clock = clock
        self._keep_s = {name: seconds for name, seconds in keep_s.items() if seconds}
        self._session = session
        self._session_of_kept: object | None = None
        self._kept: OrderedDict[_Key, _Kept] = OrderedDict()
        self._size_bytes = 0

    def answer(
        self, route: Route, message: WireMessage, int64: Int64Format, ask: Callable[[], bytes]
    ) -> Answer:
        """The body for a question, and headers that tell of its age: a kept one, or what `ask` gives.

        `Cache-Control: no-cache` of the HTTP request asks in any case. What `ask` raises is not kept.
        """
        max_age_s = self._keep_s.get(route.name)
        if max_age_s is None or _hangs_on_prices(route, message):
            return ask(), {}
        key = (route.name, message.SerializeToString(deterministic=True), int64)
        is_bypassed = bool(request.cache_control.no_cache)
        kept = None if is_bypassed else self._find(key, max_age_s)
        if kept is not None:
            count_kept_answer(route.path, "kept")
            return kept.body, _headers(int(self._clock.monotonic_s() - kept.asked_s), max_age_s)
        session, asked_s = self._session(), self._clock.monotonic_s()
        body = ask()
        count_kept_answer(route.path, "bypassed" if is_bypassed else "asked")
        if session is not None and session is self._session():
            self._keep(key, body, asked_s)
        return body, _headers(0, max_age_s)

    def _find(self, key: _Key, max_age_s: int) -> _Kept | None:
        self._forget_other_sessions()
        kept = self._kept.get(key)
        if kept is None:
            return None
        if self._clock.monotonic_s() - kept.asked_s >= max_age_s:
            self._drop(key)
            return None
        self._kept.move_to_end(key)
        return kept

    def _keep(self, key: _Key, body: bytes, asked_s: float) -> None:
        self._forget_other_sessions()
        self._drop(key)
        size_bytes = len(body) + len(key[1]) + ENTRY_BYTES
        if size_bytes > MAX_ANSWER_BYTES:
            return
        self._kept[key] = _Kept(body, asked_s, size_bytes)
        self._size_bytes += size_bytes
        while self._size_bytes > MAX_BYTES:
            self._drop(next(iter(self._kept)))
        KEPT_ANSWER_BYTES.set(self._size_bytes)

    def _drop(self, key: _Key) -> None:
        kept = self._kept.pop(key, None)
        if kept is not None:
            self._size_bytes -= kept.size_bytes
            KEPT_ANSWER_BYTES.set(self._size_bytes)

    def _forget_other_sessions(self) -> None:
        session = self._session()
        if session is self._session_of_kept:
            return
        self._session_of_kept = session
        self._kept.clear()
        self._size_bytes = 0
        KEPT_ANSWER_BYTES.set(0)


def _hangs_on_prices(route: Route, message: WireMessage) -> bool:
    hangs = _HANGS_ON_PRICES.get(route.name)
    return hangs is not None and hangs(message.c2s)


def _headers(age_s: int, max_age_s: int) -> Mapping[str, str]:
    return {"Age": str(age_s), "Cache-Control": f"private, max-age={max_age_s}"}
