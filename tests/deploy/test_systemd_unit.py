"""The unit of systemd: its words are good, it is closed enough, and what it says of the gateway is so."""

import json
import shlex
import socket
import subprocess
from configparser import ConfigParser

import pytest
from fix_gateway import END_LIMIT_S, ROOT, START_LIMIT_S, free_port, wait_until

from gateway.settings import AuthMode, Settings, is_loopback_host, load

UNIT = ROOT / "config" / "systemd" / "gateway.service"
PLACE = "/opt/opend-gateway"
EXPOSURE_AT_MOST = 15
"""In tenths, as `systemd-analyze security` counts: 0 is closed, 100 is open."""


@pytest.fixture
def unit(tmp_path):
    """The shipped unit, with the directory of this project."""
    text = UNIT.read_text()
    assert PLACE in text
    file = tmp_path / UNIT.name
    file.write_text(text.replace(f"{PLACE}/.venv/bin", f"{ROOT}/.venv/bin").replace(PLACE, str(ROOT)))
    return file


def service_of(unit):
    parser = ConfigParser(interpolation=None, strict=False)
    parser.optionxform = str
    parser.read(unit)
    return parser["Service"]


def analyze(*words):
    command = ["systemd-analyze", "--no-pager", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def test_systemd_takes_it_without_a_word(unit):
    done = analyze("verify", "--man=no", str(unit))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_word_that_systemd_does_not_know_would_be_seen(unit):
    unit.write_text(unit.read_text().replace("ProtectSystem=", "ProtectSytem="))
    assert "ProtectSytem" in analyze("verify", "--man=no", str(unit)).stderr


def test_it_is_closed_as_far_as_a_server_can_be(unit):
    done = analyze("security", "--offline=yes", f"--threshold={EXPOSURE_AT_MOST}", str(unit))
    assert done.returncode == 0, done.stdout


def test_stopping_is_given_more_time_than_the_gateway_takes(unit):
    gunicorn = (ROOT / "config" / "gunicorn.conf.py").read_text()
    assert "graceful_timeout = int(settings.opend.timeout_s) + 5" in gunicorn
    assert int(service_of(unit)["TimeoutStopSec"]) > 2 * (Settings().opend.timeout_s + 5)


def test_the_settings_it_comes_with_write_where_it_may(unit):
    """Ledger and audit, and nothing else; a real OpenD changes nothing about that."""
    settings = load({"GATEWAY_CONFIG": str(UNIT.with_name("gateway.yaml"))})
    state = f"/var/lib/{service_of(unit)['StateDirectory']}/"
    assert settings.ledger.startswith(f"sqlite:{state}")
    assert str(settings.audit).startswith(state)
    assert settings.auth.mode is AuthMode.KEYS
    assert is_loopback_host(settings.server.bind.host)


@pytest.fixture
def notified(tmp_path):
    """The socket on which systemd hears of a service of Type=notify."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind("\0" + f"opend-gateway-{tmp_path}")
        listener.settimeout(START_LIMIT_S)
        yield listener


@pytest.fixture
def service(unit, tmp_path, notified):
    """The process that the unit starts, on settings of the test, with its log."""
    settings = tmp_path / "gateway.yaml"
    addresses = [f"127.0.0.1:{free_port()}" for _ in range(2)]
    settings.write_text(json.dumps({"server": {"bind": addresses[0]}, "opend": {"endpoints": addresses[1:]}}))
    words = service_of(unit)
    environ = dict(word.split("=") for word in words["Environment"].split())
    assert environ["GATEWAY_CONFIG"].startswith("/etc/opend-gateway/")
    environ |= {"GATEWAY_CONFIG": str(settings), "NOTIFY_SOCKET": "@" + notified.getsockname()[1:].decode()}
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            shlex.split(words["ExecStart"]),
            cwd=words["WorkingDirectory"],
            env=environ,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    yield process
    if process.poll() is None:
        process.terminate()
        process.wait(END_LIMIT_S)


def test_it_starts_tells_systemd_reloads_and_stops_as_the_unit_says(service, unit, tmp_path, notified):
    assert service_of(unit)["Type"] == "notify"
    assert notified.recv(4096).startswith(b"READY=1\n")
    log = tmp_path / "log"
    wait_until(lambda: "Ready. Try:" in log.read_text(), START_LIMIT_S)

    reload = service_of(unit)["ExecReload"].replace("$MAINPID", str(service.pid))
    subprocess.run(shlex.split(reload), check=True)
    wait_until(lambda: "reloaded: " in log.read_text(), START_LIMIT_S)

    service.terminate()
    assert service.wait(END_LIMIT_S) == 0
