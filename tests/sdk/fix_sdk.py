"""The official SDK in processes of its own: its tour of the simulator, and its example programs."""

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from fix_simulator import SimulatorProcess

TOUR = Path(__file__).with_name("tour.py")
START, RETURN = "2026-03-04T10:30:00+08:00@1", "2026-03-04T11:00:00+08:00@1"
"""The simulated time when the tour begins, and when the simulator comes back from its restart."""
END_LIMIT_S = 90


def sdk_process(arguments: list[str], home: Path, **options: Any) -> subprocess.Popen[str]:
    """A Python process that may use the SDK, which writes its logs under HOME."""
    environment = os.environ | {"HOME": str(home), "PYTHONWARNINGS": "ignore", "PYTHONUNBUFFERED": "1"}
    return subprocess.Popen(
        [sys.executable, *arguments], cwd=home, env=environment, text=True, stdout=subprocess.PIPE, **options
    )


@dataclass
class Tour:
    """A finished tour. `calls` has `ret` and `data` of every call by name, `pushes` those of handlers."""

    calls: dict[str, Any]
    pushes: dict[str, list[Any]]
    journal: list[dict[str, Any]]

    def data(self, name: str) -> Any:
        """What a call returned; it must have been a success."""
        call = self.calls[name]
        assert call["ret"] == 0, f"{name}: {call['data']}"
        return call["data"]

    def refusal(self, name: str) -> str:
        """The text of a call that must have been refused."""
        call = self.calls[name]
        assert call["ret"] == -1, f"{name} was not refused"
        return call["data"]


class RunningTour:
    """The tour's process and the simulator that it visits, which is taken away once and comes back."""

    def __init__(self, home: Path, rsa_key: Path | None = None) -> None:
        self._home = home
        self._options = ["--journal", str(home / "journal.jsonl")]
        self._options += ["--rsa-key", str(rsa_key)] if rsa_key else []
        self._simulator = SimulatorProcess(*self._options, "--clock", START)
        arguments = [str(TOUR), str(self._simulator.port), str(home / "results.json")]
        arguments += [str(rsa_key)] if rsa_key else []
        with (home / "stderr.txt").open("w") as errors:
            self._process = sdk_process(arguments, home, stdin=subprocess.PIPE, stderr=errors)

    def finish(self) -> Tour:
        """Go along with the tour to its end."""
        for line in self._process.stdout:
            if line.strip() == "remind":
                self._simulator.admin("price-reminder", market=1, code="00700", note="look")
                self._simulator.admin("notify", trade_logined=False)
            elif line.strip() == "restart":
                self._restart()
        assert self._process.wait(END_LIMIT_S) == 0, (self._home / "stderr.txt").read_text()
        results = json.loads((self._home / "results.json").read_text())
        journal = (self._home / "journal.jsonl").read_text().splitlines()
        return Tour(results["calls"], results["pushes"], [json.loads(line) for line in journal])

    def _restart(self) -> None:
        port = self._simulator.port
        self._simulator.kill()
        self._simulator = SimulatorProcess(*self._options, "--clock", RETURN, "--port", str(port))
        self._process.stdin.write("restarted\n")
        self._process.stdin.flush()

    def stop(self) -> None:
        """End both processes, whatever became of the tour."""
        self._process.kill()
        self._process.wait(END_LIMIT_S)
        self._process.stdout.close()
        self._process.stdin.close()
        self._simulator.stop()


@pytest.fixture(scope="session")
def tours(tmp_path_factory, rsa_key_file):
    """The finished tours, `plain` and `encrypted`; they run at the same time."""
    running = {}
    try:
        running["plain"] = RunningTour(tmp_path_factory.mktemp("plain"))
        running["encrypted"] = RunningTour(tmp_path_factory.mktemp("encrypted"), rsa_key=rsa_key_file)
        with ThreadPoolExecutor() as pool:
            finished = {name: pool.submit(tour.finish) for name, tour in running.items()}
        yield {name: tour.result() for name, tour in finished.items()}
    finally:
        for tour in running.values():
            tour.stop()


@pytest.fixture(scope="session", params=["plain", "encrypted"])
def tour(request, tours) -> Tour:
    """One finished tour."""
    return tours[request.param]
