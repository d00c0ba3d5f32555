"""How gunicorn runs the gateway; `gateway.yaml` beside this file decides what it runs.

`gunicorn -c config/gunicorn.conf.py wsgi:app` from the project's root. gunicorn executes this file
again at each reload (HUP).
"""

import os
import resource
import signal
import sys
from pathlib import Path

import click

from gateway.boot import MASTER, describe, require_addresses
from gateway.logs import leave_out_unused_fields, logging_config
from gateway.settings import AuthMode, LogFormat
from gateway.web.worker import KEEPALIVE_S
from gateway.yaml_text import ConfigurationError

try:
    settings = MASTER.load_settings(os.environ, Path(__file__).with_name("gateway.yaml"))
except ConfigurationError as error:
    sys.exit(f"The gateway cannot start with these settings:\n{error}")

MASTER.keep_metrics()
leave_out_unused_fields()
MASTER.keep_relief()

bind = str(settings.server.bind)
workers = settings.server.workers
worker_class = "gateway.web.worker.GatewayWorker"
worker_connections = settings.ws.max_sockets + 1000  # sockets leave as many for requests
keepalive = KEEPALIVE_S
graceful_timeout = int(settings.opend.timeout_s) + 5  # what is in flight may still end
timeout = 60  # a worker whose hub stands still for so long is killed
max_requests = 0  # nothing restarts a worker while an order is in flight

# A socket takes a descriptor, and many systems allow 1024 unless a process asks for more.
_soft, _hard = resource.getrlimit(resource.RLIMIT_NOFILE)
_needed = 2 * worker_connections
if _soft != resource.RLIM_INFINITY and _soft < _needed:
    _most = _needed if _hard == resource.RLIM_INFINITY else min(_needed, _hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (_most, _hard))

http_parser = "python"
limit_request_line = 8190
limit_request_fields = 100
limit_request_field_size = 8190
forwarded_allow_ips = ""  # no header of a client's may change what scheme or path a request has

control_socket_disable = True
accesslog = None  # the gateway writes its own
logger_class = "gateway.web.worker.GunicornLogger"
logconfig_dict = logging_config(settings)


def on_starting(server):
    """Refuse, before anything listens, what may not or cannot listen; then see which ledger it is."""
    inherited = "GUNICORN_FD" in os.environ or "LISTEN_FDS" in os.environ
    require_addresses(settings, server.cfg.address, are_inherited=inherited)
    MASTER.prepare_ledger(settings)


def when_ready(server):
    """Start the embedded simulator, then say what runs and how to try it."""
    if settings.opend.embedded:
        MASTER.start_simulator(settings)
    server.log.info("%s", describe(settings))
    listener = str(server.LISTENERS[0])
    token = "-H 'Authorization: Bearer fc_...' " if settings.auth.mode is AuthMode.KEYS else ""
    hint = (
        f"Ready. Try:\n  curl -X POST {listener}/api/quote {token}-H 'Content-Type: application/json' "
        """-d '{"security_list":["HK.00700"]}'"""
    )
    if settings.log_format is LogFormat.TEXT:
        click.echo(hint)
    else:  # whoever collects the lines expects JSON alone
        server.log.info("%s", hint)


def on_reload(server):
    """Say what runs now, and let the old workers serve until the new ones do."""
    MASTER.relief.want(server.cfg.workers, after=server.worker_age)
    server.log.info("reloaded: %s", describe(MASTER.settings))


def post_fork(server, worker):
    """Let a signal end a worker that is still starting; the master's handlers would swallow it."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT):
        signal.signal(number, signal.SIG_DFL)


def post_worker_init(worker):
    """Open what the worker uses in the worker itself: no connection survives a fork."""
    from gateway.web.serve import worker_of

    worker_of(worker.wsgi).open(is_serving=lambda: worker.alive)
    MASTER.relief.begin()


def worker_exit(server, worker):
    """End the worker's connections, and what it does in the background."""
    from gateway.web.serve import worker_of

    if worker.booted:
        worker_of(worker.wsgi).close()


def child_exit(server, worker):
    """Keep the sums of a worker that has ended, and drop its gauges; let nobody wait for it."""
    MASTER.relief.ended(worker.age)
    MASTER.metric_files.retire(worker.pid, server.WORKERS)


def on_exit(server):
    """Leave no process behind."""
    MASTER.stop_simulator()
