"""What gunicorn's master does beside serving: settings and policy in force, and the embedded simulator.

The master reads both files and keeps the last that were good. Workers are forked from it and find
them here, so a file that has gone bad since stops neither a reload nor a new worker.
"""

import atexit
import errno
import logging
import os
import selectors
import socket
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from gateway.ledger.base import LedgerUnavailable
from gateway.ledger.sqlite import prepare
from gateway.metrics.files import MetricFiles
from gateway.policy_watch import PolicyFile
from gateway.relief import Relief
from gateway.settings import DEFAULT_FILE, AuthMode, Settings, is_loopback_host, load
from gateway.yaml_text import ConfigurationError, Problem

START_TIMEOUT_S = 20.0
STOP_TIMEOUT_S = 5.0
READY_TEXT = b"listening on "

_log = logging.getLogger(__name__)


class StartError(RuntimeError):
    """Why the gateway cannot start, as a sentence for the terminal."""


@dataclass(slots=True)
class Master:
    """The state of one master process. Its workers inherit it.

    `ledger_inode` is that of the ledger's file, None where it is not known or is none.
    `are_settings_stale` says that the last reload found a file that is wrong, and changed nothing.
    """

    settings: Settings | None = None
    policy_file: PolicyFile | None = None
    ledger_inode: int | None = None
    metric_files: MetricFiles | None = None
    relief: Relief | None = None
    simulator: "subprocess.Popen[bytes] | None" = field(default=None, repr=False)
    are_settings_stale: bool = False

    def load_settings(self, environ: Mapping[str, str], default_file: Path = DEFAULT_FILE) -> Settings:
        """Read settings and policy. Once good ones are in force, a file that is wrong changes nothing.

        Raises ConfigurationError when there are none yet; later the problems are logged.
        """
        try:
            read = load(environ, default_file)
            if self.settings is not None and _fixed_at_start(read) != _fixed_at_start(self.settings):
                raise ConfigurationError([Problem("gateway.yaml", RESTART_TEXT)])
            policy_file = self._load_policy(read)
            _make_directories(read)
        except ConfigurationError as error:
            if self.settings is None:
                raise
            _log.error("the settings stay as they were: %s", "; ".join(map(str, error.problems)))
            self.are_settings_stale = True
            return self.settings
        except Exception:
            # gunicorn ends the whole gateway when its configuration raises at a reload.
            if self.settings is None:
                raise
            _log.exception("the settings stay as they were: a defect while they were read")
            self.are_settings_stale = True
            return self.settings
        if self.policy_file not in (None, policy_file):
            self.policy_file.close()
        self.settings, self.policy_file, self.are_settings_stale = read, policy_file, False
        return read

    def _load_policy(self, settings: Settings) -> PolicyFile | None:
        if settings.auth.mode is AuthMode.LOCAL:
            return None
        known = self.policy_file
        if known is not None and known.path == settings.auth.policy:
            known.load()
            return known
        file = PolicyFile(settings.auth.policy)
        try:
            file.load()
        except ConfigurationError:
            file.close()
            raise
        return file

    def prepare_ledger(self, settings: Settings) -> None:
        """Find out which file the ledger is, once, before anything is forked that uses it.

        One that cannot be opened now stops no start: orders are denied until it can.
        """
        try:
            self.ledger_inode = prepare(settings.ledger)
        except LedgerUnavailable as error:
            _log.error("orders will be denied: %s", error)

    def keep_metrics(self) -> None:
        """Make the directory of the workers' metrics, once; it goes when this process ends.

        Has to come before anything imports prometheus_client.
        """
        if self.metric_files is None:
            self.metric_files = MetricFiles()
            self.metric_files.announce()
            atexit.register(self.metric_files.close)

    def keep_relief(self) -> None:
        """Make what workers tell by that they serve, once."""
        if self.relief is None:
            self.relief = Relief()

    def start_simulator(self, settings: Settings) -> None:
        """Start the embedded simulator and wait until it listens. Raises StartError."""
        endpoint = settings.opend.endpoints[0]
        require_free(*endpoint, "opend.endpoints")
        command = simulator_command(settings, os.getpid())
        # A session of its own: Ctrl-C reaches the gateway, which stops the simulator after its workers.
        self.simulator = subprocess.Popen(  # noqa: S603 - our own module, by our own interpreter
            command, stdout=subprocess.PIPE, start_new_session=True
        )
        if not _says_ready(self.simulator, START_TIMEOUT_S):
            self.stop_simulator()
            raise StartError(
                f"the embedded simulator did not come up on {endpoint}; its own words stand above"
            )

    def stop_simulator(self) -> None:
        """End the embedded simulator, if this process started one."""
        simulator, self.simulator = self.simulator, None
        if simulator is None or simulator.poll() is not None:
            return
        simulator.terminate()
        try:
            simulator.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            simulator.kill()
            simulator.wait()


RESTART_TEXT = "server.bind, ledger, audit and the embedded simulator's settings change with a restart alone"

PRIVATE_MODE = 0o700
"""Of the directories that the gateway makes: what lies in them is for its own user."""


def _fixed_at_start(settings: Settings) -> tuple[object, ...]:
    """What cannot change while the gateway runs.

    A listener that fails to open would end it; in another ledger the limits would start from nothing.
    """
    embedded = simulator_command(settings, 0) if settings.opend.embedded else None
    return settings.server.bind, settings.ledger, settings.audit, embedded


def _make_directories(settings: Settings) -> None:
    """Make the directories of ledger and audit. Raises ConfigurationError when that is not possible."""
    scheme, _, ledger_file = settings.ledger.partition(":")
    files = {"audit": settings.audit} | ({"ledger": Path(ledger_file)} if scheme == "sqlite" else {})
    for setting, file in files.items():
        try:
            make_directory(file.parent)
        except OSError as error:
            text = f"the directory of {setting} cannot be made: {error.strerror}"
            raise ConfigurationError([Problem(str(file.parent), text)]) from error


def make_directory(directory: Path) -> None:
    """Make a directory, with those above it that are missing, for this user alone. Raises OSError."""
    for missing in reversed([each for each in (directory, *directory.parents) if not each.exists()]):
        missing.mkdir(PRIVATE_MODE, exist_ok=True)
    if not directory.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(directory))


MASTER = Master()
"""This process's own. gunicorn executes its configuration file anew at each reload; this stays."""


def simulator_command(settings: Settings, parent_pid: int) -> list[str]:
    """How the embedded simulator is started; it ends by itself when its parent is gone."""
    endpoint = settings.opend.endpoints[0]
    command = [
        sys.executable,
        "-m",
        "gateway.simulator",
        "--host",
        endpoint.host,
        "--port",
        str(endpoint.port),
    ]
    command += ["--parent-pid", str(parent_pid), "--log-level", "warning"]
    simulator = settings.opend.simulator
    command += ["--seed", str(simulator.seed), "--clock", simulator.clock, "--hours", simulator.hours]
    command += ["--frequency-limits", "on" if simulator.frequency_limits else "off"]
    if simulator.journal:
        command += ["--journal", str(simulator.journal)]
    if settings.opend.rsa_key:
        command += ["--rsa-key", str(settings.opend.rsa_key)]
    return command


def require_free(host: str, port: int, setting: str) -> None:
    """Raises StartError when the address cannot be listened on, most often since another process does."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise StartError(f"cannot listen on {host}:{port} ({setting}): {error.strerror}") from error


def require_addresses(settings: Settings, addresses: Iterable[object], *, are_inherited: bool) -> None:
    """Raises StartError when gunicorn may not, or cannot, listen on one of its addresses.

    gunicorn's own `--bind` goes round the settings, so local mode is checked here again.
    `are_inherited` says that the sockets are open already, handed on by systemd or an older master.
    """
    for address in addresses:
        if not isinstance(address, tuple):
            if settings.auth.mode is AuthMode.LOCAL:
                raise StartError(f"auth.mode local serves a loopback address alone, not {address}")
            continue
        host, port = str(address[0]), int(address[1])
        if settings.auth.mode is AuthMode.LOCAL and not is_loopback_host(host):
            raise StartError(f"auth.mode local serves loopback alone, and {host} is not")
        if not are_inherited:
            require_free(host, port, "server.bind")


def describe(settings: Settings) -> str:
    """One line that says what runs: the numbering, the mode, and which OpenD."""
    endpoints = ", ".join(map(str, settings.opend.endpoints))
    opend = (
        f"the embedded simulator at {settings.opend.endpoints[0]}" if settings.opend.embedded else endpoints
    )
    return (
        f"trd_env numbering {settings.api.trd_env_numbering}, auth mode {settings.auth.mode}, OpenD: {opend}"
    )


def _says_ready(process: "subprocess.Popen[bytes]", timeout_s: float) -> bool:
    if process.stdout is None:
        return False
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        return bool(selector.select(timeout_s)) and process.stdout.readline().startswith(READY_TEXT)
