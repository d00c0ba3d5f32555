"""Write config/grafana/dashboards/gateway.json from the table below: `make docs`."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from grafana_foundation_sdk.builders import common, dashboard, prometheus, stat, timeseries
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import common as common_models
from grafana_foundation_sdk.models import dashboard as models

FILE = Path(__file__).parents[1] / "config" / "grafana" / "dashboards" / "gateway.json"

DATASOURCE = models.DataSourceRef(type_val="prometheus", uid="${datasource}")
INSTANCE = 'instance=~"$instance"'
GREEN, ORANGE, RED = "green", "orange", "red"


@dataclass(frozen=True)
class Query:
    """A line, or several, of a panel; `legend` has labels in double braces."""

    expr: str
    legend: str


@dataclass(frozen=True)
class Panel:
    """What is drawn. `steps` are values from which on it is orange or red; `words` stand for values.

    A figure shows the last value alone, or only what has one.
    """

    title: str
    unit: str
    queries: Sequence[Query]
    text: str
    steps: Mapping[float, str] = field(default_factory=dict)
    words: Mapping[float, tuple[str, str]] = field(default_factory=dict)
    is_figure: bool = False
    shows_names: bool = False
    is_stacked: bool = False
    span: int = 8


def series(name: str, *matchers: str, **labels: str) -> str:
    """A metric of the chosen gateways, with these values of labels."""
    equal = [f'{label}="{value}"' for label, value in labels.items()]
    return f"{name}{{{','.join([INSTANCE, *matchers, *equal])}}}"


def rate(name: str, *matchers: str, by: str = "") -> str:
    """How fast a counter grows, in all chosen gateways together."""
    grouping = f" by ({by})" if by else ""
    return f"sum{grouping} (rate({series(name, *matchers)}[$__rate_interval]))"


def quantile(share: float, name: str, *matchers: str, by: str = "") -> str:
    """The length that a share of what a histogram measured stayed below."""
    buckets = rate(f"{name}_bucket", *matchers, by=f"le,{by}".rstrip(","))
    return f"histogram_quantile({share}, {buckets})"


def quantiles(name: str, *matchers: str) -> list[Query]:
    """Half, nearly all, and all but a hundredth."""
    return [Query(quantile(share, name, *matchers), f"p{share * 100:g}") for share in (0.5, 0.95, 0.99)]


YES_NO = {1.0: ("yes", GREEN), 0.0: ("NO", RED)}
API = 'route=~"/api/.*"'
ERRORS = rate("gateway_http_requests_total", 'status="500"')

NOW = (
    Panel(
        "Gateway answers",
        "none",
        [Query('min(up{job="opend-gateway",instance=~"$instance"})', "answers")],
        "Whether Prometheus reaches every gateway that is chosen.",
        words=YES_NO,
        is_figure=True,
        span=3,
    ),
    Panel(
        "OpenD: quotes",
        "none",
        [Query(f"min({series('gateway_opend_is_logged_in', purpose='quotes')})", "quotes")],
        "Whether OpenD is logged in for quotes, as the worker sees it that fares worst.",
        words=YES_NO,
        is_figure=True,
        span=3,
    ),
    Panel(
        "OpenD: trading",
        "none",
        [Query(f"min({series('gateway_opend_is_logged_in', purpose='trading')})", "trading")],
        "Whether OpenD is logged in for trading, as the worker sees it that fares worst.",
        words=YES_NO,
        is_figure=True,
        span=3,
    ),
    Panel(
        "Trading",
        "none",
        [
            Query(
                f"max({series('gateway_trading_switches', scope='all', state='reducing')})"
                f" + 2 * max({series('gateway_trading_switches', scope='all', state='halted')})",
                "switch for all keys",
            )
        ],
        "The kill switch for all keys: gw trading halt, reduce, resume.",
        words={0.0: ("active", GREEN), 1.0: ("reducing", ORANGE), 2.0: ("HALTED", RED)},
        is_figure=True,
        span=3,
    ),
    Panel(
        "Unknown orders",
        "none",
        [Query(f"max({series('gateway_orders_unknown_open')})", "unknown")],
        "Orders that were sent, and of which nobody knows yet what became of them.",
        steps={0: GREEN, 1: RED},
        is_figure=True,
        span=3,
    ),
    Panel(
        "Policy and settings",
        "none",
        [
            Query(
                f"max({series('gateway_policy_is_stale')}) + max({series('gateway_settings_are_stale')})",
                "files that are wrong",
            )
        ],
        "Whether policy.yaml and gateway.yaml are what is in force, or are wrong and were not taken.",
        words={0.0: ("in force", GREEN), 1.0: ("one is WRONG", RED), 2.0: ("both are WRONG", RED)},
        is_figure=True,
        span=3,
    ),
    Panel(
        "Requests",
        "reqps",
        [Query(rate("gateway_http_requests_total", API), "requests")],
        "Requests to /api a second.",
        is_figure=True,
        span=3,
    ),
    Panel(
        "Failed",
        "percentunit",
        [Query(f"({ERRORS} or vector(0)) / {rate('gateway_http_requests_total')}", "500")],
        "The share of requests that were answered with 500.",
        steps={0: GREEN, 0.01: ORANGE, 0.05: RED},
        is_figure=True,
        span=3,
    ),
)

TRAFFIC = (
    Panel(
        "Requests by route",
        "reqps",
        [Query(rate("gateway_http_requests_total", by="route"), "{{route}}")],
        "`unmatched` is whatever is not in the route table: scanners, mistyped paths.",
        is_stacked=True,
        span=12,
    ),
    Panel(
        "Requests by status",
        "reqps",
        [Query(rate("gateway_http_requests_total", by="status"), "{{status}}")],
        "400 is a wrong request or one that OpenD refused, 429 a limit of a key or of OpenD.",
        is_stacked=True,
        span=12,
    ),
)

LATENCY = (
    Panel(
        "Requests",
        "s",
        quantiles("gateway_http_request_duration_seconds", API),
        "From a request's arrival in the worker to its answer.",
        steps={0: GREEN, 2: RED},
    ),
    Panel(
        "Requests by route, p95",
        "s",
        [Query(quantile(0.95, "gateway_http_request_duration_seconds", API, by="route"), "{{route}}")],
        "Where the slow requests are.",
    ),
    Panel(
        "OpenD's part, p95 by protocol",
        "s",
        [Query(quantile(0.95, "gateway_opend_call_duration_seconds", by="protocol"), "{{protocol}}")],
        "One call, waiting for a place and a connection included.",
    ),
)

ERROR_PANELS = (
    Panel(
        "Requests that were not served, by route",
        "reqps",
        [
            Query(
                rate("gateway_http_requests_total", 'status=~"4..|5.."', by="route,status"),
                "{{status}} {{route}}",
            )
        ],
        "500 is ours: a defect, OpenD gone or silent, or the ledger out of reach. 4xx is the caller's.",
        is_stacked=True,
        span=12,
    ),
    Panel(
        "Refused callers, by reason",
        "reqps",
        [Query(rate("gateway_refusals_total", by="reason"), "{{reason}}")],
        "401 and 403: the audit has a line, with the key where it is known.",
        is_stacked=True,
        span=12,
    ),
)

OPEND = (
    Panel(
        "Connections by state",
        "none",
        [Query(f"sum by (state) ({series('gateway_opend_connections')})", "{{state}}")],
        "Every worker keeps `opend.pool_size` of them; all should be ready.",
        is_stacked=True,
        span=6,
    ),
    Panel(
        "Connections made, failed and lost",
        "ops",
        [
            Query(rate("gateway_opend_connects_total"), "made"),
            Query(rate("gateway_opend_connect_failures_total"), "failed"),
            Query(rate("gateway_opend_drops_total"), "lost"),
        ],
        "What is lost while orders are in flight makes unknown orders.",
        span=6,
    ),
    Panel(
        "Calls by outcome",
        "ops",
        [Query(rate("gateway_opend_calls_total", by="outcome"), "{{outcome}}")],
        "`refused` and `limited` are OpenD's own answers, `held_back` what its limits left no room for; "
        "the others but `ok` are calls that failed.",
        is_stacked=True,
        span=6,
    ),
    Panel(
        "Waiting for OpenD",
        "none",
        [
            Query(f"sum({series('gateway_opend_in_flight')})", "in flight"),
            Query(f"sum({series('gateway_opend_queued')})", "queued"),
            Query(rate("gateway_opend_refused_full_total"), "turned away a second"),
        ],
        "Beyond `opend.max_in_flight` a worker queues calls, and then turns them away.",
        span=6,
    ),
)

ORDER_PANELS = (
    Panel(
        "Orders by outcome",
        "ops",
        [Query(rate("gateway_orders_total", by="outcome"), "{{outcome}}")],
        "Placed, changed and cancelled: denied by the gateway, rejected by OpenD or the broker.",
        is_stacked=True,
        span=6,
    ),
    Panel(
        "Denials by reason",
        "ops",
        [Query(rate("gateway_order_denials_total", by="reason") + " > 0", "{{reason}}")],
        "The reasons are explained in the README, under Limits.",
        is_stacked=True,
        span=6,
    ),
    Panel(
        "Unknown orders, and what became of them",
        "none",
        [
            Query(f"max({series('gateway_orders_unknown_open')})", "open"),
            Query(rate("gateway_orders_resolved_total", by="outcome"), "resolved as {{outcome}}, a second"),
        ],
        "Orders that were sent and got no answer. They resolve within seconds of OpenD's return.",
        steps={0: GREEN, 1: RED},
        span=6,
    ),
    Panel(
        "Kill switches that are set",
        "none",
        [Query(f"max by (scope, state) ({series('gateway_trading_switches')})", "{{scope}}: {{state}}")],
        "`all` is the switch for all keys, `key` those of single ones.",
        span=6,
    ),
)

RECORDS = (
    Panel(
        "Ledger steps by outcome",
        "ops",
        [Query(rate("gateway_ledger_steps_total", by="outcome"), "{{outcome}}")],
        "While steps are `unavailable`, orders are denied.",
        is_stacked=True,
        span=6,
    ),
    Panel(
        "Ledger, p99 by step",
        "s",
        [Query(quantile(0.99, "gateway_ledger_step_duration_seconds", by="step"), "{{step}}")],
        "Waiting for other writers included.",
        steps={0: GREEN, 0.1: RED},
        span=6,
    ),
    Panel(
        "Audit lines by kind",
        "ops",
        [Query(rate("gateway_audit_lines_total", by="kind"), "{{kind}}")],
        "An order has a decision, a sending and an outcome.",
        is_stacked=True,
        span=6,
    ),
    Panel(
        "Audit errors and policy reloads",
        "ops",
        [
            Query(rate("gateway_audit_errors_total"), "lines not taken"),
            Query(rate("gateway_policy_reloads_total", by="result"), "policy {{result}}"),
        ],
        "While the audit takes no lines, orders are denied. Every worker reads a changed policy.",
        span=6,
    ),
)

LIVE = (
    Panel(
        "Claims and OpenD's quota",
        "none",
        [
            Query(f"max({series('gateway_claims')})", "claims"),
            Query(f"sum({series('gateway_subscriptions_pending')})", "pending"),
            Query(f"max({series('gateway_subscription_quota_used')})", "quota used"),
            Query(f"max({series('gateway_subscription_quota_remaining')})", "quota remaining"),
        ],
        "What keys hold subscribed, what of it connections still lack, and what OpenD counts.",
        span=6,
    ),
    Panel(
        "Sockets",
        "none",
        [Query(f"sum({series('gateway_ws_sockets')})", "open")],
        "Open sockets of /ws.",
        span=6,
    ),
    Panel(
        "Events by type and result",
        "ops",
        [Query(rate("gateway_ws_events_total", by="type,result"), "{{type}} {{result}}")],
        "`merged` were left out for a newer one, `dropped` when their socket ended.",
        is_stacked=True,
        span=6,
    ),
    Panel(
        "Ends of sockets by code",
        "ops",
        [Query(rate("gateway_ws_closes_total", by="code"), "{{code}}")],
        "1012 is a reload, 1013 a client that reads too slowly.",
        is_stacked=True,
        span=6,
    ),
)

RUNTIME = (
    Panel(
        "Event loop: how late",
        "s",
        quantiles("gateway_hub_lateness_seconds"),
        "How long a worker's greenlets waited for their turn: above 0.2 s it stands still.",
        steps={0: GREEN, 0.2: RED},
        span=6,
    ),
    Panel(
        "Workers",
        "none",
        [
            Query(f"sum by (instance) ({series('gateway_workers')})", "{{instance}}"),
            Query(
                f"sum(increase({series('gateway_worker_starts_total')}[$__rate_interval]))",
                "began",
            ),
        ],
        "Workers begin at the start, at a reload, and in place of dead ones.",
        span=6,
    ),
    Panel(
        "Processor",
        "none",
        [
            Query(
                f"sum by (instance) (rate({series('gateway_cpu_seconds_total')}[$__rate_interval]))",
                "{{instance}}",
            )
        ],
        "How many processors the workers keep busy; a worker uses one at most.",
        span=4,
    ),
    Panel(
        "Memory",
        "bytes",
        [Query(f"sum by (instance) ({series('gateway_resident_memory_bytes')})", "{{instance}}")],
        "Resident memory of the workers; what they share counts in each.",
        span=4,
    ),
    Panel(
        "Open files, of the limit",
        "percentunit",
        [
            Query(
                f"max by (instance) ({series('gateway_open_files')} / {series('gateway_open_files_limit')})",
                "{{instance}}",
            )
        ],
        "Files and sockets of the worker that has the most. At the limit it takes no connection.",
        steps={0: GREEN, 0.8: RED},
        span=4,
    ),
    Panel(
        "What runs",
        "none",
        [
            Query(
                f"max by (instance, version, python) ({series('gateway_build_info')})",
                "{{instance}}: {{version}}, Python {{python}}",
            )
        ],
        "Version of the gateway and of Python, by gateway.",
        is_figure=True,
        shows_names=True,
        span=24,
    ),
)

SAVED = (
    Panel(
        "Reads that another one's call answered",
        "ops",
        [Query(rate("gateway_shared_reads_total"), "shared")],
        "Identical reads at the same moment share one call of OpenD.",
        span=8,
    ),
    Panel(
        "Answers of routes that are kept",
        "ops",
        [Query(rate("gateway_kept_answers_total", by="result"), "{{result}}")],
        "`kept` ones needed no call of OpenD. Empty unless `quote.keep_s` names routes.",
        is_stacked=True,
        span=8,
    ),
    Panel(
        "Memory of kept answers",
        "bytes",
        [Query(f"sum({series('gateway_kept_answer_bytes')})", "kept")],
        "Each worker keeps up to 16 MiB.",
        span=8,
    ),
)

ROWS: Mapping[str, Sequence[Panel]] = {
    "Now": NOW,
    "Traffic": TRAFFIC,
    "Latency": LATENCY,
    "Errors": ERROR_PANELS,
    "OpenD": OPEND,
    "Orders and denials": ORDER_PANELS,
    "Ledger and audit": RECORDS,
    "Live data": LIVE,
    "Reads saved": SAVED,
    "Runtime": RUNTIME,
}


def _targets(panel: Panel) -> Iterator[prometheus.Dataquery]:
    for ref_id, query in zip("ABCDEFGH", panel.queries, strict=False):
        target = prometheus.Dataquery().expr(query.expr).legend_format(query.legend).ref_id(ref_id)
        yield target.instant() if panel.is_figure else target.range()


def _thresholds(panel: Panel) -> dashboard.ThresholdsConfig:
    first, *rest = panel.steps.items() or [(0.0, GREEN)]
    steps = [models.Threshold(value=None, color=first[1])]
    steps += [models.Threshold(value=float(value), color=colour) for value, colour in rest]
    return dashboard.ThresholdsConfig().mode(models.ThresholdsMode.ABSOLUTE).steps(steps)


def _mappings(panel: Panel) -> list[Any]:
    options = {
        f"{value:g}": models.ValueMappingResult(text=text, color=colour)
        for value, (text, colour) in panel.words.items()
    }
    return [models.ValueMap(options=options)] if options else []


def _figure(panel: Panel) -> stat.Panel:
    calculation = common.ReduceDataOptions().calcs(["lastNotNull"]).values(False)
    figure = stat.Panel().height(4).reduce_options(calculation).mappings(_mappings(panel))
    is_coloured = panel.steps or panel.words
    figure.color_mode(
        common_models.BigValueColorMode.BACKGROUND if is_coloured else common_models.BigValueColorMode.VALUE
    )
    if panel.shows_names:
        figure.text_mode(common_models.BigValueTextMode.NAME)
    figure.color_scheme(dashboard.FieldColor().mode(models.FieldColorModeId.THRESHOLDS))
    return figure.graph_mode(common_models.BigValueGraphMode.NONE)


def _graph(panel: Panel) -> timeseries.Panel:
    legend = (
        common.VizLegendOptions()
        .display_mode(
            common_models.LegendDisplayMode.TABLE if panel.span > 8 else common_models.LegendDisplayMode.LIST
        )
        .placement(common_models.LegendPlacement.BOTTOM)
        .show_legend(True)
        .calcs(["lastNotNull", "max"] if panel.span > 8 else [])
    )
    tooltip = (
        common.VizTooltipOptions()
        .mode(common_models.TooltipDisplayMode.MULTI)
        .sort(common_models.SortOrder.DESCENDING)
    )
    graph = timeseries.Panel().height(8).min(0).legend(legend).tooltip(tooltip)
    graph.color_scheme(dashboard.FieldColor().mode(models.FieldColorModeId.PALETTE_CLASSIC))
    graph.fill_opacity(30 if panel.is_stacked else 8).line_width(1)
    if panel.is_stacked:
        graph.stacking(common.StackingConfig().mode(common_models.StackingMode.NORMAL))
    if panel.steps:
        style = common.GraphThresholdsStyleConfig().mode(common_models.GraphTresholdsStyleMode.DASHED)
        graph.thresholds_style(style)
    return graph


def _drawn(panel: Panel) -> "stat.Panel | timeseries.Panel":
    drawn = _figure(panel) if panel.is_figure else _graph(panel)
    drawn.title(panel.title).description(panel.text).unit(panel.unit).datasource(DATASOURCE).span(panel.span)
    return drawn.thresholds(_thresholds(panel)).targets(list(_targets(panel)))


def build() -> str:
    """The dashboard's JSON."""
    board = (
        dashboard.Dashboard("OpenD gateway")
        .uid("opend-gateway")
        .description("JSON over HTTP in front of OpenD: traffic, latency, errors, OpenD, orders, records.")
        .tags(["opend-gateway"])
        .timezone("browser")
        .time("now-1h", "now")
        .refresh("30s")
        .tooltip(models.DashboardCursorSync.CROSSHAIR)
        .with_variable(dashboard.DatasourceVariable("datasource").label("Prometheus").type("prometheus"))
        .with_variable(
            dashboard.QueryVariable("instance")
            .label("Gateway")
            .datasource(DATASOURCE)
            .query("label_values(gateway_build_info, instance)")
            .refresh(models.VariableRefresh.ON_TIME_RANGE_CHANGED)
            .multi(True)
            .include_all(True)
            .all_value(".*")
            .current(models.VariableOption(text="All", value="$__all"))
        )
    )
    for title, panels in ROWS.items():
        board.with_row(dashboard.Row(title))
        for panel in panels:
            board.with_panel(_drawn(panel))
    return JSONEncoder(sort_keys=True, indent=2).encode(board.build()) + "\n"


if __name__ == "__main__":
    FILE.write_text(build())
