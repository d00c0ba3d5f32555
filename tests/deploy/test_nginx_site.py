"""The site files of `config/nginx` as nginx reads them, and their numbers against the gateway's own."""

import re
import subprocess

import pytest
from fix_gateway import ROOT
from fix_nginx import INSTALLED, SHIPPED, install, nginx_command

from gateway.routes import ROUTES, Kind
from gateway.settings import Settings
from gateway.web.app import ANSWER_MARGIN_S
from gateway.web.worker import KEEPALIVE_S

PING_INTERVAL_S = 20
UNITS = {"s": 1, "k": 1024}
COMPOSE = {"server gateway:22222;": "server 127.0.0.1:22222;", "/dev/std": "{directory}/std"}


def number(directive, file, context=""):
    """What a directive says, in seconds or bytes; the one behind `context`."""
    text = (SHIPPED / file).read_text()
    text = text[text.index(context) :]
    value, unit = re.search(rf"^ *{directive} (\d+)([sk]);", text, re.MULTILINE).groups()
    return int(value) * UNITS[unit]


@pytest.mark.parametrize("site", ["gateway.conf", "compose.conf"])
def test_nginx_takes_the_site(site, tmp_path, certificate):
    changes = {
        "/etc/ssl/certs/gateway.pem": str(certificate.certificate_file),
        "/etc/ssl/private/gateway.key": str(certificate.key_file),
    }
    if site == "compose.conf":
        changes |= {name: here.format(directory=tmp_path) for name, here in COMPOSE.items()}
    else:
        changes["/var/log/nginx/"] = f"{tmp_path}/"
    install(tmp_path, site, changes)
    done = subprocess.run(nginx_command(tmp_path, "-t"), capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stderr
    assert "warn" not in done.stderr


def test_both_sites_differ_in_addresses_and_logs_alone():
    """So that what is shown of one holds for the other."""
    directives = [
        [line.split("#")[0].split() for line in (SHIPPED / site).read_text().splitlines()]
        for site in ("gateway.conf", "compose.conf")
    ]
    own = ("server", "access_log", "error_log", "server_name")
    ours, composed = ([words for words in each if words and words[0] not in own] for each in directives)
    assert ours == composed


def test_a_kept_connection_is_closed_by_nginx_first():
    assert number("keepalive_timeout", "gateway.conf", "upstream gateway") < KEEPALIVE_S


def test_nginx_waits_longer_than_the_gateway_takes():
    settings = Settings()
    waits_s = number("proxy_read_timeout", "gateway/server.conf")
    assert waits_s > settings.opend.timeout_s * 2 + ANSWER_MARGIN_S
    gunicorn = (ROOT / "config" / "gunicorn.conf.py").read_text()
    assert waits_s > int(re.search(r"^timeout = (\d+)", gunicorn, re.MULTILINE)[1])


def test_several_pings_fit_into_the_time_that_a_socket_may_be_silent():
    silent_s = number("proxy_read_timeout", "gateway/server.conf", "location = /ws")
    assert silent_s >= 3 * PING_INTERVAL_S


def test_bodies_are_as_large_as_the_gateway_takes_and_stay_in_memory():
    for directive in ("client_max_body_size", "client_body_buffer_size"):
        assert number(directive, "gateway/server.conf") == Settings().api.max_body_bytes


@pytest.mark.parametrize("file", INSTALLED)
def test_every_trade_write_of_the_route_table_is_one_for_nginx(file):
    writes = {route.path.removeprefix("/api/") for route in ROUTES if route.kind is Kind.WRITE}
    lists = re.findall(r"/api/\(([a-z|-]+)\)", (SHIPPED / file).read_text())
    assert lists
    assert [set(each.split("|")) for each in lists] == [writes] * len(lists)
