"""The kept cases of every target, and a short campaign against each; `make fuzz` runs long ones."""

import random
import time
from contextlib import closing
from pathlib import Path

import pytest
from fuzz.bodies import Bodies
from fuzz.campaign import Finding, Target, judged, run_campaign
from fuzz.corpus import DIRECTORY, cases_of, keep
from fuzz.frames import Frames
from fuzz.messages import Messages
from fuzz.outside import Outside, Streams
from fuzz.policies import Policies, SettingsFiles

SEED = 1
TARGETS = {
    Frames: (6000, 150),
    Bodies: (1200, 400),
    Policies: (1200, 80),
    SettingsFiles: (400, 50),
    Messages: (400, 60),
    Streams: (150, 3),
}
"""How many cases a short campaign has, and how many outcomes it has to see, so that it reaches far."""


@pytest.mark.parametrize("make", TARGETS, ids=lambda make: make.name)
def test_short_campaign_finds_nothing(make: type[Target]) -> None:
    count, outcomes = TARGETS[make]
    with closing(make()) as target:
        report = run_campaign(target, count, SEED)
    assert [text for _, text in report.findings] == []
    assert report.cases == count
    assert len(report.outcomes) >= outcomes


@pytest.mark.parametrize("make", TARGETS, ids=lambda make: make.name)
def test_kept_cases_stay_right(make: type[Target]) -> None:
    files = cases_of(make.name)
    with closing(make()) as target:
        for file in files:
            try:
                judged(target, file.read_bytes())
            except Finding as finding:
                pytest.fail(f"{file.name}: {finding}")
    assert files or make is Streams


def test_every_kept_case_has_a_target() -> None:
    assert {folder.name for folder in DIRECTORY.iterdir()} <= {make.name for make in TARGETS}


def test_gateway_serves_while_requests_sockets_and_policies_are_broken(tmp_path: Path) -> None:
    sizes = {"BODIES": 4000, "MESSAGES": 600, "POLICIES": 3}
    with Outside(tmp_path) as outside:
        for report in outside.campaigns(sizes, SEED):
            assert [text for _, text in report.findings] == []
            assert report.cases > 2


class Brittle(Target):
    """Breaks at one byte, and is slow at another."""

    name = "brittle"
    now_s = staticmethod(lambda: Brittle.time_s)
    time_s = 0.0

    def seeds(self) -> list[bytes]:
        return [b"a"]

    def case(self, source: bytes, dice: random.Random) -> bytes:
        return dice.choice((b"a", b"b", b"c", b"d"))

    def run(self, case: bytes) -> str:
        if case == b"b":
            raise KeyError(case)
        if case == b"c":
            Brittle.time_s += 1.5
        if case == b"d":
            time.sleep(0.01)
        return case.decode()


def test_campaign_reports_a_crash_and_a_hang_once_each_with_their_cases(tmp_path: Path) -> None:
    report = run_campaign(Brittle(), 50, SEED)
    assert (report.cases, sorted(report.outcomes)) == (50, ["a", "d"])
    found = dict(report.findings)
    assert sorted(found) == [b"b", b"c"]
    assert "KeyError" in found[b"b"]
    assert "1.50 s" in found[b"c"]
    assert keep("brittle", b"b", tmp_path).read_bytes() == b"b"


class Endless(Target):
    """Never comes to an end."""

    name = "endless"
    hang_s = 0.5

    def seeds(self) -> list[bytes]:
        return [b""]

    def case(self, source: bytes, dice: random.Random) -> bytes:
        return source

    def run(self, case: bytes) -> str:
        while True:
            pass


def test_campaign_breaks_off_what_has_no_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fuzz.campaign.BREAK_OFF_S", 1)
    report = run_campaign(Endless(), 1, SEED)
    assert [text for _, text in report.findings] == ["it did not come to its end, and was broken off"]
