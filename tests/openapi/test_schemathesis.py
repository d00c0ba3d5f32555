"""A public tester makes up requests from the document and holds every answer against it.

Two checks of the tester are left out, where decisions D4 says otherwise: a wrong method is 404 here
and not 405, and a body of the right form may be 400, since OpenD refuses what it does not know.
"""

import json
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from fix_gateway import GatewayProcess, free_port

from gateway.policy.token import format_hash, hash_token, new_token

PROGRAM = Path(sys.executable).with_name("schemathesis")
LEFT_OUT = "unsupported_method,positive_data_acceptance"
SETTINGS = "[phases.coverage]\nunexpected-methods = []\n"
LIMIT_S = 300.0
ACCESS_LINE = re.compile(r"(GET|POST) (/\S+) (\d{3}) [\d.]+ ms")


class Inquiry:
    """The tester at work on a gateway, in a directory of its own."""

    def __init__(self, directory, port, *arguments):
        directory.mkdir()
        (directory / "settings.toml").write_text(SETTINGS)
        self._output = directory / "output"
        command = [PROGRAM, "--config-file", "settings.toml", "run", f"http://127.0.0.1:{port}/openapi.json"]
        command += ["--checks", "all", "--exclude-checks", LEFT_OUT, "--continue-on-failure"]
        with self._output.open("wb") as output:
            self._process = subprocess.Popen(
                [*command, "--seed", "1", "--no-color", "--output-truncate", "true", *arguments],
                cwd=directory,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def tested(self):
        """Wait for its end, and return how many operations it tested. What it found fails the test."""
        try:
            status = self._process.wait(LIMIT_S)
        finally:
            self._process.kill()
        output = self._output.read_text(errors="replace")
        assert status == 0, output[:20_000]
        return int(re.search(r"Tested: (\d+)", output)[1])


def statuses(gateway):
    """How often each path answered with which status."""
    return Counter((path, int(status)) for _, path, status in ACCESS_LINE.findall(gateway.log))


@pytest.fixture
def start(tmp_path):
    """Starts a gateway with an embedded simulator."""
    started = []

    def start(workers=1, frequency_limits=False, **more):
        simulator = {"seed": 20, "frequency_limits": frequency_limits}
        opend = {"endpoints": [f"127.0.0.1:{free_port()}"], "simulator": simulator}
        settings = {"opend": opend, **more}
        started.append(GatewayProcess(tmp_path, settings, "--workers", str(workers)).wait_ready())
        return started[-1]

    yield start
    for gateway in started:
        gateway.stop()


def test_no_route_answers_in_a_way_that_the_document_does_not_say(start, tmp_path):
    gateway = start(workers=2)
    common = ("--phases", "examples,coverage,fuzzing", "--max-examples", "3")
    inquiries = [
        Inquiry(tmp_path / "quotes", gateway.port, *common, "--include-tag", "quote"),
        Inquiry(tmp_path / "others", gateway.port, *common, "--exclude-tag", "quote"),
    ]
    paths = set(gateway.get("/openapi.json")["paths"]) - {"/openapi.json"}
    assert sum(inquiry.tested() for inquiry in inquiries) == len(paths)
    seen = statuses(gateway)
    assert sum(seen.values()) > 5000
    assert not [path for path, status in seen if status >= 500]
    assert {status for _, status in seen} >= {200, 400, 404}
    assert "Traceback" not in gateway.log


def test_refused_callers_and_limits_are_as_the_document_says(start, tmp_path):
    token = new_token()
    limits = {"max_orders_per_minute": 2, "allowed_trd_sides": ["BUY"]}
    key = {"id": "tester", "hash": format_hash(hash_token(token)), "scopes": ["qot:read", "trade:simulate"]}
    policy = tmp_path / "policy.yaml"
    policy.touch(0o600)
    policy.write_text(json.dumps({"version": 1, "keys": [{**key, "limits": limits}]}))
    gateway = start(frequency_limits=True, auth={"mode": "keys", "policy": str(policy)})
    paths = ("/api/stock-filter", "/api/ipo-list", "/api/user-security", "/api/order", "/api/funds")
    included = [word for path in paths for word in ("--include-path", path)]
    inquiry = Inquiry(
        *(tmp_path / "tester", gateway.port, "--phases", "examples,fuzzing", "--max-examples", "30"),
        *("--header", f"Authorization: Bearer {token}", "--mode", "positive", *included),
    )
    assert inquiry.tested() == len(paths)
    seen = statuses(gateway)
    for path in ("/api/stock-filter", "/api/ipo-list", "/api/user-security"):
        assert seen[path, 429] > 0
        assert seen[path, 401] > 0
    assert seen["/api/funds", 403] > 0
    assert not [path for path, status in seen if status >= 500]
