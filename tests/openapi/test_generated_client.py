"""A client that a public generator makes from the document, which nobody has touched, makes calls."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

GENERATOR = Path(sys.executable).with_name("openapi-python-client")
CALLS = """
import sys
from drawn import Client
from drawn.api.account import accounts, order_intent
from drawn.api.gateway import health
from drawn.api.order import order
from drawn.api.quote import kline, quote
from drawn.models import (
    BadRequest, GetBasicQotRequest, GetBasicQotResponse, GetKLRequest, KLTypeName, KLTypeNumber,
    MarketAndCode, OrderTypeName, PlaceOrderRequest, PlaceOrderResponse, RehabTypeNumber, TrdEnvName,
    TrdEnvNumber, TrdHeaderInput, TrdMarketName, TrdSideNumber,
)

with Client(base_url=sys.argv[1], raise_on_unexpected_status=True) as client:
    assert health.sync(client=client).status == "ok"
    answer = quote.sync(client=client, body=GetBasicQotRequest(["HK.00700", MarketAndCode(11, "AAPL")]))
    assert isinstance(answer, GetBasicQotResponse)
    assert [each.security.code for each in answer.s2c.basic_qot_list] == ["00700", "AAPL"]
    for period in (KLTypeNumber.DAY, KLTypeName.DAY, "K_DAY"):
        body = GetKLRequest(RehabTypeNumber.FORWARD, period, "HK.00700", 2)
        assert len(kline.sync(client=client, body=body).s2c.kl_list) == 2
    first = accounts.sync(client=client).s2c.acc_list[0]
    assert first.trd_env is TrdEnvNumber.SIMULATE
    header = TrdHeaderInput(TrdEnvName.SIMULATE, first.acc_id, TrdMarketName.HK)
    body = PlaceOrderRequest(
        header=header, trd_side=TrdSideNumber.BUY, order_type=OrderTypeName.NORMAL, code="00700",
        qty=100, price=300,
    )
    assert order.sync(client=client, body=body, x_dry_run=True).allowed is True
    placed = order.sync_detailed(client=client, body=body)
    assert isinstance(placed.parsed, PlaceOrderResponse)
    intent = order_intent.sync(placed.headers["X-Intent-Id"], client=client)
    assert intent.order_id == placed.parsed.s2c.order_id
    wrong = quote.sync(client=client, body=GetBasicQotRequest(["HK.99999"]))
    assert isinstance(wrong, BadRequest) and wrong.ret_type == -1
print("called")
"""


@pytest.fixture(scope="module")
def client_directory(documented_gateway, tmp_path_factory):
    """A folder with the generated package `drawn` in it."""
    directory = tmp_path_factory.mktemp("client")
    (directory / "openapi.json").write_text(json.dumps(documented_gateway.get("/openapi.json")))
    (directory / "settings.yaml").write_text("post_hooks: []\n")
    command = [GENERATOR, "generate", "--path", "openapi.json", "--config", "settings.yaml"]
    command += ["--meta", "none", "--output-path", "drawn", "--fail-on-warning"]
    made = subprocess.run(command, cwd=directory, capture_output=True, text=True, timeout=120)
    assert made.returncode == 0, made.stdout + made.stderr
    return directory


def test_every_module_of_the_client_can_be_imported(client_directory):
    names = [
        ".".join(path.relative_to(client_directory).with_suffix("").parts)
        for path in sorted((client_directory / "drawn").rglob("*.py"))
    ]
    assert len(names) > 400
    program = f"import importlib\nfor name in {names!r}: importlib.import_module(name)"
    run(client_directory, program)


def test_the_client_makes_calls(client_directory, documented_gateway):
    assert run(client_directory, CALLS, f"http://127.0.0.1:{documented_gateway.port}") == "called\n"


def run(directory, program, *arguments):
    command = [sys.executable, "-c", program, *arguments]
    done = subprocess.run(command, cwd=directory, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout
