"""Every metric of the gateway, and the functions by which the other parts write them.

Labels take values that are known beforehand: paths of the route table, names of protocols, words
of the gateway's own. A symbol, an account, a key, a raw path or a method never becomes a label: what
a caller writes must not make a series.

Under gunicorn each worker writes files of its own, and a scrape adds them up (prometheus_client's
multiprocess mode). There a gauge is the sum or the greatest of the workers that live.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import cache
from itertools import product
from typing import Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

REGISTRY = CollectorRegistry()
"""Holds these metrics and nothing else. A scrape under gunicorn reads the workers' files instead."""

UNMATCHED = "unmatched"
"""The route of all requests that are not in the route table."""


@dataclass(frozen=True, slots=True)
class Row:
    """One metric, for the README's table."""

    name: str
    kind: str
    labels: tuple[str, ...]
    text: str


CATALOGUE: list[Row] = []
"""All metrics, in the order of this file."""


def _counter(name: str, text: str, *labels: str) -> Counter:
    CATALOGUE.append(Row(name, "counter", labels, text))
    return Counter(name, text, labels, registry=REGISTRY)


def _histogram(name: str, text: str, *labels: str, buckets: tuple[float, ...]) -> Histogram:
    CATALOGUE.append(Row(name, "histogram", labels, text))
    return Histogram(name, text, labels, buckets=buckets, registry=REGISTRY)


def _gauge(name: str, text: str, *labels: str, mode: Literal["livesum", "livemax", "livemin"]) -> Gauge:
    CATALOGUE.append(Row(name, "gauge", labels, text))
    return Gauge(name, text, labels, multiprocess_mode=mode, registry=REGISTRY)


_ANSWER_S = (0.005, 0.02, 0.1, 0.5, 2.0, 10.0)
_STORE_S = (0.001, 0.005, 0.02, 0.1, 0.5, 2.0)
_LATENESS_S = (0.005, 0.02, 0.05, 0.2, 1.0, 5.0)

BUILD_INFO = _gauge(
    "gateway_build_info", "Always 1; the labels say what runs.", "version", "python", mode="livemax"
)
WORKERS = _gauge("gateway_workers", "Workers that serve.", mode="livesum")
WORKER_STARTS = _counter(
    "gateway_worker_starts_total", "Workers that began: at the start, at a reload, and in place of dead ones."
)
CPU_SECONDS = _counter("gateway_cpu_seconds_total", "Processor time that the workers took.")
RESIDENT_MEMORY_BYTES = _gauge(
    "gateway_resident_memory_bytes",
    "Memory that the workers hold; shared parts count in each.",
    mode="livesum",
)
OPEN_FILES = _gauge(
    "gateway_open_files", "Open files and sockets of the worker that has the most.", mode="livemax"
)
OPEN_FILES_LIMIT = _gauge("gateway_open_files_limit", "How many a worker may have.", mode="livemin")
SETTINGS_ARE_STALE = _gauge(
    "gateway_settings_are_stale",
    "1 when gateway.yaml was wrong at the last reload, and the settings before it are in force.",
    mode="livemax",
)

HTTP_REQUESTS = _counter(
    "gateway_http_requests_total",
    f"HTTP requests, by the route table's path; `{UNMATCHED}` is whatever is not in the table.",
    "route",
    "status",
)
HTTP_REQUEST_SECONDS = _histogram(
    "gateway_http_request_duration_seconds",
    "From an HTTP request's arrival in the worker to its answer.",
    "route",
    buckets=_ANSWER_S,
)

REFUSALS = _counter(
    "gateway_refusals_total",
    "Requests whose caller may not make them (401, 403), by the reason that the audit has.",
    "reason",
)

OPEND_CALLS = _counter(
    "gateway_opend_calls_total",
    "Calls of OpenD: `ok`, `refused`, `limited`, `failed`, `timeout`, `lost`, `unusable`, `not_sent`, "
    "`held_back` for a read that OpenD's frequency limit would have refused, or `unknown` for a write that "
    "may have taken effect.",
    "protocol",
    "outcome",
)
OPEND_CALL_SECONDS = _histogram(
    "gateway_opend_call_duration_seconds",
    "One call of OpenD, waiting for a place and a connection included.",
    "protocol",
    buckets=_ANSWER_S,
)
SHARED_READS = _counter(
    "gateway_shared_reads_total",
    "Reads that the call of an identical read answered, which ran at the same moment.",
    "protocol",
)
KEPT_ANSWERS = _counter(
    "gateway_kept_answers_total",
    "Answers of routes that `quote.keep_s` names: `kept` ones, those that OpenD was `asked` for, and those "
    "that it was asked for since the caller wanted no kept one, `bypassed`.",
    "route",
    "result",
)
KEPT_ANSWER_BYTES = _gauge("gateway_kept_answer_bytes", "What the workers keep of answers.", mode="livesum")
OPEND_CONNECTIONS = _gauge(
    "gateway_opend_connections", "Connections to OpenD that the workers keep up.", "state", mode="livesum"
)
OPEND_IS_LOGGED_IN = _gauge(
    "gateway_opend_is_logged_in",
    "1 while OpenD is logged in for `quotes`, for `trading`, as the worker sees it that fares worst.",
    "purpose",
    mode="livemin",
)
OPEND_IN_FLIGHT = _gauge("gateway_opend_in_flight", "Calls that wait for OpenD's answer.", mode="livesum")
OPEND_QUEUED = _gauge(
    "gateway_opend_queued", "Calls that wait for a place among those in flight.", mode="livesum"
)
OPEND_CONNECTS = _counter(
    "gateway_opend_connects_total", "Connections to OpenD that were made, the first ones included."
)
OPEND_CONNECT_FAILURES = _counter(
    "gateway_opend_connect_failures_total", "Tries to connect to OpenD that failed."
)
OPEND_DROPS = _counter("gateway_opend_drops_total", "Connections to OpenD that were lost.")
OPEND_REFUSED_FULL = _counter(
    "gateway_opend_refused_full_total", "Calls that found no place among those in flight, and were not sent."
)

ORDERS = _counter(
    "gateway_orders_total",
    "Orders, changes and cancels by what became of the request: `accepted`, `rejected` (by OpenD), "
    "`denied` (by the gateway), `not_sent`, or `unknown`.",
    "route",
    "outcome",
)
ORDER_DENIALS = _counter(
    "gateway_order_denials_total",
    "Orders that the gateway denied; `not_judged` is one of which it could not find out what it would do.",
    "reason",
)
ORDERS_RESOLVED = _counter(
    "gateway_orders_resolved_total",
    "Orders of which it was found out after their request what became of them.",
    "outcome",
)
ORDERS_UNKNOWN_OPEN = _gauge(
    "gateway_orders_unknown_open",
    "Orders that were sent, and of which nobody knows yet what became of them.",
    mode="livemax",
)

CLAIMS = _gauge("gateway_claims", "Subscriptions that keys and sockets claim.", mode="livemax")
SUBSCRIPTIONS_PENDING = _gauge(
    "gateway_subscriptions_pending",
    "Claimed subscriptions that the workers' connections do not have as they are wanted.",
    mode="livesum",
)
SUBSCRIPTION_QUOTA_USED = _gauge(
    "gateway_subscription_quota_used",
    "OpenD's quota of subscriptions that is in use, as it said within the last half minute.",
    mode="livemax",
)
SUBSCRIPTION_QUOTA_REMAINING = _gauge(
    "gateway_subscription_quota_remaining", "OpenD's quota of subscriptions that is left.", mode="livemax"
)

WS_SOCKETS = _gauge("gateway_ws_sockets", "Open sockets of /ws.", mode="livesum")
WS_EVENTS = _counter(
    "gateway_ws_events_total",
    "Messages for sockets of /ws by what became of them: `sent`; `merged`, left out for a newer one; or "
    "`dropped`, since the socket had ended.",
    "type",
    "result",
)
WS_CLOSES = _counter(
    "gateway_ws_closes_total",
    "Ends of sockets of /ws by their code; `other` are codes of clients that the gateway does not use.",
    "code",
)
TRADING_SWITCHES = _gauge(
    "gateway_trading_switches",
    "Kill switches that are set, by what they are set to: that for `all` keys, and those of one `key`.",
    "scope",
    "state",
    mode="livemax",
)

LEDGER_STEPS = _counter(
    "gateway_ledger_steps_total",
    "Steps of the ledger: `ok`, `unavailable`, or `error` when a step does not fit.",
    "step",
    "outcome",
)
LEDGER_STEP_SECONDS = _histogram(
    "gateway_ledger_step_duration_seconds",
    "One step of the ledger, waiting for other writers included.",
    "step",
    buckets=_STORE_S,
)

AUDIT_LINES = _counter("gateway_audit_lines_total", "Lines written to the audit.", "kind")
AUDIT_ERRORS = _counter("gateway_audit_errors_total", "Lines that the audit did not take.", "kind")

POLICY_RELOADS = _counter(
    "gateway_policy_reloads_total", "Changes of the policy file that a worker has read.", "result"
)
POLICY_IS_STALE = _gauge(
    "gateway_policy_is_stale",
    "1 while the policy file on disk is wrong, and the one before is in force.",
    mode="livemax",
)

HUB_LATENESS_SECONDS = _histogram(
    "gateway_hub_lateness_seconds",
    "How late a worker's event loop came back to a greenlet that slept: how long it stood still.",
    buckets=_LATENESS_S,
)

# Finding a labelled child costs more than writing to it. The caches are bounded as the labels are.
_request_counter = cache(HTTP_REQUESTS.labels)
_request_timer = cache(HTTP_REQUEST_SECONDS.labels)
_call_counter = cache(OPEND_CALLS.labels)
_call_timer = cache(OPEND_CALL_SECONDS.labels)
_shared_counter = cache(SHARED_READS.labels)
_step_counter = cache(LEDGER_STEPS.labels)
_step_timer = cache(LEDGER_STEP_SECONDS.labels)


def observe_request(route: str, status: str, seconds: float) -> None:
    """An HTTP request was answered. `route` is a path of the route table or `UNMATCHED`, nothing else."""
    _request_counter(route, status).inc()
    _request_timer(route).observe(seconds)


def observe_opend_call(protocol: str, outcome: str, seconds: float) -> None:
    """A call of OpenD came to its end."""
    _call_counter(protocol, outcome).inc()
    _call_timer(protocol).observe(seconds)


def count_shared_read(protocol: str) -> None:
    """A read was answered by the call of another one."""
    _shared_counter(protocol).inc()


def count_kept_answer(route: str, result: str) -> None:
    """A route whose answers are kept was answered."""
    KEPT_ANSWERS.labels(route, result).inc()


def observe_ledger_step(step: str, outcome: str, seconds: float) -> None:
    """A step of the ledger came to its end."""
    _step_counter(step, outcome).inc()
    _step_timer(step).observe(seconds)


def count_order(route: str, outcome: str) -> None:
    """What became of a request to place, to change or to cancel an order."""
    ORDERS.labels(route, outcome).inc()


def count_denial(reason: str) -> None:
    """An order was denied; `reason` is the label of a deny reason."""
    ORDER_DENIALS.labels(reason).inc()


def count_refusal(reason: str) -> None:
    """A caller was refused; `reason` is one of the gateway's own words."""
    REFUSALS.labels(reason).inc()


def count_resolved(outcome: str) -> None:
    """What became of an order was found out after its request."""
    ORDERS_RESOLVED.labels(outcome).inc()


def count_audit_line(kind: str, *, is_written: bool) -> None:
    """The audit took a line, or did not."""
    (AUDIT_LINES if is_written else AUDIT_ERRORS).labels(kind).inc()


def count_policy_reload(is_good: bool) -> None:
    """The policy file had changed, and the change was taken or refused."""
    POLICY_RELOADS.labels("loaded" if is_good else "refused").inc()


def begin_at_zero(
    *, routes: Iterable[str], outcomes: Collection[str], denials: Iterable[str], audit_kinds: Iterable[str]
) -> None:
    """Make the series of these orders, reasons and lines, so that the first of each shows as a growth."""
    for route, outcome in product(routes, outcomes):
        ORDERS.labels(route, outcome)
    for reason in denials:
        ORDER_DENIALS.labels(reason)
    for kind in audit_kinds:
        AUDIT_ERRORS.labels(kind)
    for result in ("loaded", "refused"):
        POLICY_RELOADS.labels(result)
