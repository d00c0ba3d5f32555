"""Where workers keep their figures: one directory a master, sums that outlive a worker."""

import fcntl
import os
import struct
import subprocess
import sys

import pytest

from gateway.metrics.files import PREFIX, MetricFiles, locked

WRITER = """
from gateway.metrics import table
table.count_order("/api/order", "accepted")
table.observe_request("/api/quote", "200", {seconds})
table.WORKERS.set(1)
import os
print(os.getpid())
"""

READER = """
from prometheus_client import CollectorRegistry
from prometheus_client.multiprocess import MultiProcessCollector
registry = CollectorRegistry()
MultiProcessCollector(registry)
for family in registry.collect():
    for sample in family.samples:
        labels = ",".join(sample.labels.values())
        print(f"{sample.name}{{{labels}}}={sample.value:g}")
"""


def run(files, code):
    """Run code in a process of its own, as a worker that has ended."""
    environ = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(files.path)}
    return subprocess.run(
        [sys.executable, "-c", code], env=environ, capture_output=True, text=True, check=True
    ).stdout


def sums(files):
    return dict(line.rsplit("=", 1) for line in run(files, READER).splitlines())


@pytest.fixture
def files(tmp_path):
    made = MetricFiles(tmp_path)
    yield made
    made.close()


def test_the_directory_is_empty_and_private(files):
    assert list(files.path.iterdir()) == []
    assert files.path.stat().st_mode & 0o777 == 0o700


def test_close_removes_it(files):
    run(files, WRITER.format(seconds=0.01))
    files.close()
    assert not files.path.exists()


def test_a_forked_child_does_not_remove_it(files):
    child = os.fork()
    if child == 0:
        files.close()
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    assert files.path.exists()


def test_what_a_killed_gateway_left_is_removed_by_the_next(tmp_path):
    code = "import sys, pathlib; from gateway.metrics.files import *; MetricFiles(pathlib.Path(sys.argv[1]))"
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True)
    (left,) = tmp_path.iterdir()
    files = MetricFiles(tmp_path)
    assert list(tmp_path.iterdir()) == [files.path]
    assert files.path != left


def test_what_a_living_gateway_holds_stays(tmp_path):
    one, two = MetricFiles(tmp_path), MetricFiles(tmp_path)
    assert set(tmp_path.iterdir()) == {one.path, two.path}


def test_only_directories_of_ours_are_looked_at(tmp_path):
    (tmp_path / "other").mkdir()
    (tmp_path / (PREFIX + "file")).write_text("x")
    MetricFiles(tmp_path)
    assert (tmp_path / "other").exists()
    assert (tmp_path / (PREFIX + "file")).exists()


def test_sums_outlive_workers_and_gauges_do_not(files):
    pids = [int(run(files, WRITER.format(seconds=seconds))) for seconds in (0.01, 0.01, 3.0)]
    counted = {
        "gateway_orders_total{accepted,/api/order}": "3",
        "gateway_http_requests_total{/api/quote,200}": "3",
        "gateway_http_request_duration_seconds_count{/api/quote}": "3",
        "gateway_http_request_duration_seconds_sum{/api/quote}": "3.02",
        "gateway_http_request_duration_seconds_bucket{/api/quote,0.02}": "2",
        "gateway_http_request_duration_seconds_bucket{/api/quote,+Inf}": "3",
    }
    assert sums(files).items() >= {**counted, "gateway_workers{}": "3"}.items()
    files.retire(pids[0], living=pids[1:])
    assert sums(files).items() >= {**counted, "gateway_workers{}": "2"}.items()
    for pid in pids[1:]:
        files.retire(pid, living=[])
    assert sums(files).items() >= counted.items()
    assert "gateway_workers{}" not in sums(files)


def test_the_files_do_not_grow_in_number_with_the_workers_that_ended(files):
    for _ in range(3):
        files.retire(int(run(files, WRITER.format(seconds=1))), living=[])
    assert {path.name for path in files.path.glob("*.db")} == {"counter_ended.db", "histogram_ended.db"}
    assert sums(files)["gateway_orders_total{accepted,/api/order}"] == "3"


def test_nothing_is_merged_under_a_scrape_and_nothing_waits_for_it(files):
    first = int(run(files, WRITER.format(seconds=1)))
    with locked(files.path, fcntl.LOCK_SH):
        files.retire(first, living=[])
        assert (files.path / f"counter_{first}.db").exists()
    second = int(run(files, WRITER.format(seconds=1)))
    files.retire(second, living=[])
    assert {path.name for path in files.path.glob("*.db")} == {"counter_ended.db", "histogram_ended.db"}
    assert sums(files)["gateway_orders_total{accepted,/api/order}"] == "2"


def test_a_worker_that_was_killed_at_its_begin_spoils_nothing(files):
    (files.path / "counter_1.db").touch()
    pid = int(run(files, WRITER.format(seconds=1)))
    files.retire(1, living=[pid])
    assert not (files.path / "counter_1.db").exists()
    assert sums(files)["gateway_orders_total{accepted,/api/order}"] == "1"


def test_a_file_that_cannot_be_read_does_not_end_the_master(files, caplog):
    (files.path / "counter_1.db").write_bytes(struct.pack("i4xi", 100, 5000).ljust(100))
    files.retire(1, living=[])
    assert "the metrics of worker 1 stay as they are" in caplog.text


def test_what_was_added_up_is_no_larger_than_it_has_to_be(files):
    for _ in range(4):
        files.retire(int(run(files, WRITER.format(seconds=1))), living=[])
    assert (files.path / "counter_ended.db").stat().st_size < 4096
