"""`GET /metrics`: the figures of all workers, for those whose address is in `ops.metrics_allow`."""

import fcntl
import os
from collections.abc import Callable, Sequence
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address
from pathlib import Path
from typing import ClassVar, TypeAlias

import gevent
from flask import Response, request
from prometheus_flask_exporter import PrometheusMetrics  # type: ignore[import-untyped]

from gateway.errors import GatewayError
from gateway.metrics.files import DIRECTORY_VARIABLE, locked
from gateway.metrics.table import REGISTRY
from gateway.routes import METRICS_PATH
from gateway.web.exchange import Exchange

_Network: TypeAlias = IPv4Network | IPv6Network


class MetricsClosed(GatewayError):
    """The caller's address may not read the metrics."""

    status: ClassVar[int] = 403


def metrics_view(allowed: Sequence[_Network]) -> Callable[[], Response]:
    """The view. The peer's address decides alone: no header, no key, and no mode of authentication.

    Query and `Accept` change nothing: the answer is always all metrics in Prometheus's text format.
    """
    exporter = PrometheusMetrics(app=None, path=None, export_defaults=False, registry=REGISTRY)

    def metrics() -> Response:
        Exchange.of(request.environ).route = METRICS_PATH
        if not _is_within(request.environ.get("REMOTE_ADDR", ""), allowed):
            raise MetricsClosed("this address may not read the metrics (ops.metrics_allow)")
        # In a thread: adding up the files of many workers would stop the other greenlets meanwhile.
        text, content_type = gevent.get_hub().threadpool.apply(_generate, (exporter,))
        return Response(text, content_type=content_type)

    return metrics


def _is_within(address: str, networks: Sequence[_Network]) -> bool:
    """Whether a peer's address lies in one of the networks. A peer on a socket file has none."""
    try:
        peer = ip_address(address)
    except ValueError:
        return False
    if isinstance(peer, IPv6Address) and peer.ipv4_mapped:
        peer = peer.ipv4_mapped
    return any(peer in network for network in networks)


def _generate(exporter: PrometheusMetrics) -> tuple[str, str]:
    directory = os.environ.get(DIRECTORY_VARIABLE)
    if directory is None:
        text, content_type = exporter.generate_metrics()
    else:
        with locked(Path(directory), fcntl.LOCK_SH):
            text, content_type = exporter.generate_metrics()
    return text, content_type
