"""The programs in the official SDK's package, run against the simulator.

Each is copied with its port changed, and with what else `PROGRAMS` says: shorter sleeps, and a code
that the simulated universe has.
"""

import subprocess
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

import pytest
from fix_sdk import END_LIMIT_S, sdk_process
from fix_simulator import SimulatorProcess

# Importing the SDK here would start its logging in this process.
EXAMPLES = Path(find_spec("futu").origin).parent / "examples"

TALIB_STAND_IN = '''
import pandas


def MACD(closes, fast, slow, signal):
    """The one function of the TA-Lib package that an example needs."""
    closes = pandas.Series(closes)
    macd = closes.ewm(span=fast, adjust=False).mean() - closes.ewm(span=slow, adjust=False).mean()
    smooth = macd.ewm(span=signal, adjust=False).mean()
    return macd.values, smooth.values, (macd - smooth).values
'''


@dataclass(frozen=True)
class Program:
    """How an example is changed, and the first line of output after which one without end is ended."""

    changes: dict[str, str] = field(default_factory=dict)
    endless_after: str | None = None


PROGRAMS = {
    "get_mkt_snapshot_demo": Program({"time.sleep(3)": "time.sleep(0.1)"}),
    "macd_strategy": Program({"HK.00123": "HK.00700"}),
    "quote_and_trade_demo": Program({"sleep(15)": "sleep(4)"}),
    "quote_push": Program({"HK.999010": "HK.00001"}, endless_after="* subscribe"),
    "simple_filter_demo": Program(),
    "stocksell_demo": Program(),
}


def _start(name: str, port: int, home: Path) -> subprocess.Popen[str]:
    text = (EXAMPLES / f"{name}.py").read_text(encoding="utf-8")
    for old, new in {"11111": str(port), **PROGRAMS[name].changes}.items():
        assert old in text, f"{name} has no {old}"
        text = text.replace(old, new)
    home.mkdir()
    (home / "talib.py").write_text(TALIB_STAND_IN)
    (home / f"{name}.py").write_text(text, encoding="utf-8")
    return sdk_process([f"{name}.py"], home, stderr=subprocess.STDOUT)


def _output(name: str, process: subprocess.Popen[str]) -> str:
    """What the program printed until its end, or until it had printed what it prints at last."""
    last = PROGRAMS[name].endless_after
    if last is None:
        output, _ = process.communicate(timeout=END_LIMIT_S)
        assert process.returncode == 0, output
        return output
    lines = []
    for line in process.stdout:
        lines.append(line)
        if line.startswith(last):
            break
    process.kill()
    rest, _ = process.communicate(timeout=END_LIMIT_S)
    return "".join(lines) + rest


@pytest.fixture(scope="module")
def outputs(tmp_path_factory):
    """What each program printed; all run at the same time against one simulator."""
    simulator = SimulatorProcess()
    root = tmp_path_factory.mktemp("examples")
    processes = {}
    try:
        for name in PROGRAMS:
            processes[name] = _start(name, simulator.port, root / name)
        yield {name: _output(name, process) for name, process in processes.items()}
    finally:
        for process in processes.values():
            process.kill()
            process.wait(END_LIMIT_S)
            process.stdout.close()
        simulator.stop()


def test_these_are_all_examples_of_the_package():
    assert {path.stem for path in EXAMPLES.glob("*.py")} - {"__init__"} == set(PROGRAMS)


@pytest.mark.parametrize("name", PROGRAMS)
def test_no_example_meets_an_error(outputs, name):
    for sign in ("Traceback", "error", "Error", "失败", "fail"):
        assert sign not in outputs[name], outputs[name]


def test_the_snapshot_example_reads_four_markets(outputs):
    output = outputs["get_mkt_snapshot_demo"]
    for market in ("HK", "US", "SH", "SZ"):
        assert f"market={market}, sub_type=STOCK, count=" in output
    for code in ("HK.00005", "US.AMZN"):
        assert code in output


def test_the_push_example_gets_every_kind_of_push(outputs):
    output = outputs["quote_and_trade_demo"]
    assert "* subscribe : (0, None)" in output
    for handler in ("StockQuoteTest", "RTDataTest", "TickerTest", "OrderBookTest", "BrokerTest code"):
        assert f"* {handler}" in output


def test_the_other_push_example_subscribes(outputs):
    assert "* subscribe : (0, None)" in outputs["quote_push"]


def test_the_filter_example_finds_stocks(outputs):
    assert "HK." in outputs["simple_filter_demo"]


def test_the_selling_example_sells_twice(outputs):
    assert "simple_sell 下单成功" in outputs["stocksell_demo"]
    assert "smart_sell 下单成功" in outputs["stocksell_demo"]


def test_the_macd_example_runs_to_its_end(outputs):
    assert "解锁交易成功!" in outputs["macd_strategy"]
