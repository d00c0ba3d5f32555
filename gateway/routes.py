"""The route table: one row an endpoint of the page (`GET`/`POST` under `/api`, 41 rows).

Everything that lists endpoints (the URL map, scopes, metric labels, the tables in README) comes
from `ROUTES` and the descriptors.
"""

from dataclasses import dataclass, replace
from enum import StrEnum

from gateway.schema.protocols import PROTOCOLS, Protocol
from gateway.scope import Scope as Scope


class Domain(StrEnum):
    """The blueprint that serves a route."""

    SYSTEM = "system"
    QUOTE = "quote"
    TRADE = "trade"


class Kind(StrEnum):
    """How a call travels to OpenD.

    READ may be asked once more on another connection when a drop cut it off. REALTIME is a read of
    subscribed data and SUBSCRIPTION changes what is subscribed: both use the worker's one pinned
    connection, where OpenD keeps the subscriptions. WRITE changes orders or the trade lock: it is
    sent at most once, for whatever reason (decisions D6).
    """

    READ = "read"
    REALTIME = "realtime"
    SUBSCRIPTION = "subscription"
    WRITE = "write"


@dataclass(frozen=True, slots=True)
class Route:
    """One endpoint: where it stands, who may call it, and the protocol it becomes.

    `is_shared` says that all who ask the same get the same, and that no call of the API changes it: those
    who ask at the same moment share one call of OpenD. `may_be_kept` says that its answers hardly change, and
    that no order and no account hangs on them.
    """

    name: str
    method: str
    path: str
    domain: Domain
    scope: Scope
    proto_id: int
    kind: Kind = Kind.READ
    is_shared: bool = False
    may_be_kept: bool = False

    @property
    def protocol(self) -> Protocol:
        """The OpenD protocol behind this endpoint."""
        return PROTOCOLS[self.proto_id]


@dataclass(frozen=True, slots=True)
class OwnRoute:
    """An endpoint beside the page's, which the gateway answers by itself, without OpenD.

    `path` has its variable parts in angle brackets, as Flask writes them.
    """

    name: str
    method: str
    path: str
    scope: Scope
    purpose: str


def _get(name: str, domain: Domain, scope: Scope, proto_id: int) -> Route:
    return Route(name, "GET", f"/api/{name}", domain, scope, proto_id)


def _quote(name: str, proto_id: int, kind: Kind = Kind.READ) -> Route:
    is_shared = kind is not Kind.SUBSCRIPTION
    return Route(name, "POST", f"/api/{name}", Domain.QUOTE, Scope.QUOTE_READ, proto_id, kind, is_shared)


def _reference_data(name: str, proto_id: int) -> Route:
    return replace(_quote(name, proto_id), may_be_kept=True)


def _account(name: str, proto_id: int, kind: Kind = Kind.READ) -> Route:
    return Route(name, "POST", f"/api/{name}", Domain.TRADE, Scope.ACCOUNT_READ, proto_id, kind)


def _trade(name: str, proto_id: int) -> Route:
    return Route(name, "POST", f"/api/{name}", Domain.TRADE, Scope.TRADE_REAL, proto_id, Kind.WRITE)


ROUTES: tuple[Route, ...] = (
    _get("global-state", Domain.SYSTEM, Scope.QUOTE_READ, 1002),
    _get("user-info", Domain.SYSTEM, Scope.QUOTE_READ, 1005),
    _get("delay-statistics", Domain.SYSTEM, Scope.QUOTE_READ, 1007),
    _quote("subscribe", 3001, Kind.SUBSCRIPTION),
    _get("sub-info", Domain.QUOTE, Scope.QUOTE_READ, 3003),
    _quote("quote", 3004, Kind.REALTIME),
    _quote("kline", 3006, Kind.REALTIME),
    _quote("orderbook", 3012, Kind.REALTIME),
    _quote("broker", 3014, Kind.REALTIME),
    _quote("ticker", 3010, Kind.REALTIME),
    _quote("rt", 3008, Kind.REALTIME),
    _quote("snapshot", 3203),
    _reference_data("static-info", 3202),
    _reference_data("plate-set", 3204),
    _reference_data("plate-security", 3205),
    _reference_data("reference", 3206),
    _reference_data("owner-plate", 3207),
    _reference_data("option-chain", 3209),
    _quote("warrant", 3210),
    _quote("capital-flow", 3211),
    _quote("capital-distribution", 3212),
    _quote("user-security", 3213),
    _quote("stock-filter", 3215),
    _reference_data("ipo-list", 3217),
    _reference_data("future-info", 3218),
    _quote("market-state", 3223),
    _quote("history-kline", 3103),
    _get("accounts", Domain.TRADE, Scope.ACCOUNT_READ, 2001),
    _account("sub-acc-push", 2008, Kind.SUBSCRIPTION),
    _account("funds", 2101),
    _account("positions", 2102),
    _account("orders", 2201),
    _account("order-fills", 2211),
    _account("max-trd-qtys", 2111),
    _account("history-orders", 2221),
    _account("history-order-fills", 2222),
    _account("margin-ratio", 2223),
    _account("order-fee", 2225),
    _trade("unlock-trade", 2005),
    _trade("order", 2202),
    _trade("modify-order", 2205),
)
"""The page's 41 endpoints, in the page's order. The page's scope for the trade writes is
`trade:real`; `trade:simulate` allows them in the simulate environment (decisions D5)."""

KEEPABLE = tuple(route.name for route in ROUTES if route.may_be_kept)
"""The names of the routes whose answers may be kept."""

ORDER_INTENT = OwnRoute(
    "order-intent",
    "GET",
    "/api/orders/intent/<intent_id>",
    Scope.ACCOUNT_READ,
    "what became of an order of the caller's own, by the intent id of its answer",
)

SOCKET = OwnRoute(
    "ws",
    "GET",
    "/ws",
    Scope.QUOTE_READ,
    "events over a WebSocket, see Live data below; trade events need `acc:read` as well",
)

OWN_ROUTES: tuple[OwnRoute, ...] = (ORDER_INTENT, SOCKET)
"""Endpoints that need a scope, as the 41 do, and are not among them."""

HEALTH_PATH = "/health"
READY_PATH = "/ready"
METRICS_PATH = "/metrics"
DOCUMENT_PATH = "/openapi.json"
PAGE_PATH = "/docs"
LIVE_PATH = "/live"
"""Paths that ask for no key: those of the gateway itself, of its documentation, and of its page."""
