"""Who asks for a trade write, and how."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, ClassVar

from gateway.errors import GatewayError
from gateway.policy.model import Principal, ValuedIntent
from gateway.policy.reasons import Denied


@dataclass(frozen=True, slots=True)
class WriteContext:
    """One request for a trade write.

    `intent_id` is a new one from `Desk.open_intent`, `route` the row of the route table that it came
    by. `is_meant` says that the caller means to repeat an order.
    """

    principal: Principal
    request_id: str
    route: str
    intent_id: str
    is_dry_run: bool = False
    is_meant: bool = False


@dataclass(frozen=True, slots=True)
class DryRun:
    """What would have been sent. `valued` is None for a write that no limit is about, such as a cancel."""

    valued: ValuedIntent | None = None

    def body(self) -> Mapping[str, Any]:
        """The answer: what the order is by the gateway's own names, and what it counts for.

        Figures are JSON numbers; one that is not known is null.
        """
        answer: dict[str, Any] = {"dry_run": True, "allowed": True}
        if self.valued is None:
            return answer
        intent = self.valued.intent
        return answer | {
            "kind": intent.kind,
            "trd_env": intent.environment,
            "acc_id": intent.acc_id,
            "trd_market": intent.market,
            "security": intent.symbol,
            "trd_side": intent.side,
            "qty": _number(intent.quantity),
            "price": _number(intent.price),
            "currency": self.valued.currency or None,
            "value": _number(self.valued.value),
            "increase": _number(self.valued.increase),
            "last_price": _number(self.valued.last_price),
        }


def _number(figure: Decimal | None) -> float | None:
    return None if figure is None else float(figure)


class OrderDenied(GatewayError):
    """The policy says no, and nothing was sent. `denied` has the reason and its label for metrics.

    `valued` is what was judged, None where the reason came before that.
    """

    retry_safe: ClassVar[bool] = True

    def __init__(self, denied: Denied, valued: ValuedIntent | None = None) -> None:
        super().__init__(denied.text)
        self.denied = denied
        self.valued = valued

    @property
    def status(self) -> int:  # type: ignore[override]
        """The reason's HTTP status."""
        return self.denied.reason.status

    def headers(self) -> Mapping[str, str]:
        """`Retry-After` where time heals it."""
        wait_s = self.denied.retry_after_s
        return {} if wait_s is None else {"Retry-After": str(wait_s)}


class IntentNotOpen(GatewayError):
    """An intent took so long to be sent that it was given up meanwhile. Nothing was sent."""

    retry_safe: ClassVar[bool] = True

    def details(self) -> Mapping[str, Any]:
        """Says that OpenD never saw the request."""
        return {"outcome": "not_sent"}
