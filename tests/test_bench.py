"""What `make bench` says of its readings: ratios round by round, verdicts, and the rows of both READMEs."""

import pytest
from bench.figure import FIGURES
from bench.plan import FULL, SHORT
from bench.reading import EMPTY, GATEWAY, SDK, Reading, Readings, in_turns
from bench.readme import HEADS, ROWS, with_figures
from bench.report import as_json, machine, print_figures

MACHINE = {"processor": "a processor", "cores": 2, "python": "3.11", "load_average": 0.25}


def readings(ours=(70.0, 50.0, 62.0), empty=(100.0, 100.0, 100.0), sdk=(10.0, 10.0, 10.0)):
    found = Readings()
    for contender, throughput in ((GATEWAY, ours), (EMPTY, empty), (SDK, sdk)):
        found.add(Reading("quote", contender, "throughput", "requests/s", throughput))
        found.add(Reading("quote", contender, "worker cpu", "us/request", (1.0, 1.0, 1.0)))
    return found


def verdicts(capsys, found, plan):
    print_figures(found, plan)
    lines = capsys.readouterr().out.splitlines()[2:]
    return [line.rpartition("  ")[2].strip() for line in lines]


def test_a_figure_is_judged_by_the_median_of_its_rounds(capsys):
    assert verdicts(capsys, readings(), FULL) == ["reached", "reached"]
    assert verdicts(capsys, readings(ours=(70.0, 50.0, 59.0)), FULL) == ["not reached", "not reached"]


def test_a_ratio_sets_the_values_of_one_round_against_each_other():
    found = readings(ours=(60.0, 30.0, 90.0), empty=(100.0, 50.0, 150.0))
    (of_empty, _) = as_json(MACHINE, found, FULL)["figures"]
    assert of_empty["values"] == pytest.approx((0.6, 0.6, 0.6))
    assert of_empty["reached"]


def test_a_short_run_judges_nothing(capsys):
    assert not {"reached", "not reached"} & set(verdicts(capsys, readings(), SHORT))


def test_what_was_not_measured_has_no_verdict():
    assert [each["work"] for each in as_json(MACHINE, readings(), FULL)["figures"]] == ["quote", "quote"]


def test_each_round_begins_with_another_contender():
    order = []

    def turn(name):
        order.append(name)
        return {"throughput": 1.0}

    contenders = {name: lambda name=name: turn(name) for name in "abc"}
    found = in_turns("work", contenders, {"throughput": "requests/s"}, rounds=3)
    assert "".join(order) == "abcbcacab"
    assert [each.values for each in found] == [(1.0, 1.0, 1.0)] * 3


def test_every_row_of_the_readmes_is_a_figure():
    named = {(figure.work, figure.what) for figure in FIGURES}
    assert [row for row in ROWS if (row.work, row.what) not in named] == []


@pytest.mark.parametrize("file", HEADS)
def test_a_run_is_written_between_the_marks(file):
    run = as_json(MACHINE, readings(), FULL)
    text = with_figures("before\n<!-- speed -->\nold\n<!-- /speed -->\nafter\n", file, run)
    assert "old" not in text
    assert text.startswith("before\n<!-- speed -->\n| ")
    assert "| 0.62 |" in text
    assert "| 6.2 |" in text
    assert text.endswith("\n<!-- /speed -->\nafter\n")


def test_the_machine_is_told():
    assert set(machine()) >= set(MACHINE)
