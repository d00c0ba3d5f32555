"""What the metrics of a gateway look like in each trouble that an alert rule is for."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Trouble:
    """Series that stand still at a value, and counters that grow so much a second.

    All other series of the same metrics are left out.
    """

    gauges: Mapping[str, float] = field(default_factory=dict)
    growth: Mapping[str, float] = field(default_factory=dict)

    @property
    def replaced(self) -> set[str]:
        """The names of the metrics that are its own."""
        return {name.partition("{")[0] for name in {**self.gauges, **self.growth}}

    def series(self, elapsed_s: float) -> dict[str, float]:
        """Its series at a time since it began."""
        grown = {name: per_s * elapsed_s for name, per_s in self.growth.items()}
        return {**self.gauges, **grown}


def slow(metric: str, fast_below: float, slow_below: float, labels: str = "") -> Trouble:
    """A histogram nine tenths of which are fast, and the rest slow."""
    begin = f"{metric}_bucket{{{labels}," if labels else f"{metric}_bucket{{"
    return Trouble(
        growth={
            f'{begin}le="{fast_below}"}}': 90,
            f'{begin}le="{slow_below}"}}': 100,
            f'{begin}le="+Inf"}}': 100,
        }
    )


def requests(**per_s: float) -> dict[str, float]:
    return {
        f'gateway_http_requests_total{{route="/api/quote",status="{status.removeprefix("s")}"}}': rate
        for status, rate in per_s.items()
    }


def calls(**per_s: float) -> dict[str, float]:
    return {
        f'gateway_opend_calls_total{{outcome="{outcome}",protocol="Qot_GetKL"}}': rate
        for outcome, rate in per_s.items()
    }


TROUBLES: Mapping[str, Trouble] = {
    "GatewayErrors": Trouble(growth=requests(s200=90, s500=10)),
    "GatewaySlow": slow("gateway_http_request_duration_seconds", 0.5, 10.0, 'route="/api/quote"'),
    "GatewayStalls": slow("gateway_hub_lateness_seconds", 0.005, 1.0),
    "GatewayWorkersRestart": Trouble(
        gauges={"gateway_workers": 2}, growth={"gateway_worker_starts_total": 2}
    ),
    "GatewayFilesNearlyUsedUp": Trouble(gauges={"gateway_open_files": 900, "gateway_open_files_limit": 1024}),
    "GatewaySettingsStale": Trouble(gauges={"gateway_settings_are_stale": 1}),
    "GatewayPolicyStale": Trouble(gauges={"gateway_policy_is_stale": 1}),
    "GatewayRefusalsSurge": Trouble(growth={'gateway_refusals_total{reason="unknown_token"}': 10}),
    "OpenDLost": Trouble(
        gauges={
            'gateway_opend_connections{state="ready"}': 0,
            'gateway_opend_connections{state="connecting"}': 4,
            'gateway_opend_is_logged_in{purpose="quotes"}': 0,
            'gateway_opend_is_logged_in{purpose="trading"}': 0,
        }
    ),
    "OpenDLoggedOut": Trouble(
        gauges={
            'gateway_opend_is_logged_in{purpose="quotes"}': 1,
            'gateway_opend_is_logged_in{purpose="trading"}': 0,
        }
    ),
    "OpenDUnsteady": Trouble(growth={"gateway_opend_drops_total": 4}),
    "OpenDFails": Trouble(growth=calls(ok=90, timeout=10)),
    "OpenDLimitsHit": Trouble(growth=calls(ok=90, limited=10)),
    "OpenDQueueFull": Trouble(growth={"gateway_opend_refused_full_total": 1}),
    "OrdersUnknown": Trouble(gauges={"gateway_orders_unknown_open": 3}),
    "OrdersDenialsSurge": Trouble(growth={'gateway_order_denials_total{reason="rate"}': 20}),
    "OrdersClockBehind": Trouble(growth={'gateway_order_denials_total{reason="clock"}': 1}),
    "TradingRestricted": Trouble(
        gauges={
            'gateway_trading_switches{scope="all",state="halted"}': 1,
            'gateway_trading_switches{scope="all",state="reducing"}': 0,
        }
    ),
    "LedgerFailing": Trouble(
        growth={'gateway_ledger_steps_total{outcome="unavailable",step="open_intents"}': 1}
    ),
    "LedgerSlow": slow("gateway_ledger_step_duration_seconds", 0.005, 0.5, 'step="reserve"'),
    "AuditFailing": Trouble(growth={'gateway_audit_errors_total{kind="sending"}': 1}),
    "QuotaNearlyUsedUp": Trouble(
        gauges={"gateway_subscription_quota_used": 95, "gateway_subscription_quota_remaining": 5}
    ),
    "SocketsDropEvents": Trouble(
        growth={
            'gateway_ws_events_total{result="sent",type="quote"}': 90,
            'gateway_ws_events_total{result="dropped",type="quote"}': 10,
        }
    ),
    "SocketsCutOff": Trouble(growth={'gateway_ws_closes_total{code="1013"}': 4}),
}
"""By the name of the alert that has to fire for it, and that has to be the only one."""
