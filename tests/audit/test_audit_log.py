import errno
import fcntl
import hashlib
import json
import os
import re
import stat
import threading
import time
from decimal import Decimal

import gevent
import pytest
from fix_audit import NOON_S, entries, event, fill, start_writer

from gateway.audit import AuditEvent, AuditKind, AuditLog, AuditUnavailable, Flaw, verify
from gateway.clock import SystemClock
from gateway.order import Environment, Side
from gateway.policy.token import new_token

HUB_STOP_MAX_S = 0.05
PROCESSES, LINES = 4, 250


def test_line_says_what_happened_with_figures_exact_and_nothing_that_is_unknown(audit, path):
    audit.write(
        AuditEvent(
            kind=AuditKind.DECISION,
            request_id="r1",
            key_id="bot",
            route="order",
            acc_id=281756479345015383,
            environment=Environment.REAL,
            side=Side.BUY,
            quantity=Decimal("100"),
            price=Decimal("0.1234567890123456789"),
            value=Decimal("1E+3"),
            decision="denied",
            reason="rate",
            latency_ms=1.5,
        ),
        durable=True,
    )
    begin, line = entries(path)
    assert begin["kind"] == "begin"
    chain = {name: line.pop(name) for name in ("seq", "time", "prev", "hash")}
    assert (chain["seq"], chain["time"], chain["prev"]) == (2, "2026-01-01T12:00:00.000Z", begin["hash"])
    assert line == {
        "kind": "decision",
        "request_id": "r1",
        "key_id": "bot",
        "route": "order",
        "acc_id": 281756479345015383,
        "environment": "real",
        "side": "BUY",
        "quantity": "100",
        "price": "0.1234567890123456789",
        "value": "1000",
        "decision": "denied",
        "reason": "rate",
        "latency_ms": 1.5,
    }


def test_hash_is_what_a_person_computes_from_the_line(audit, path):
    fill(audit, 1)
    raw = path.read_bytes().splitlines()[-1]
    without = re.sub(rb',"hash":"[0-9a-f]{64}"', b"", raw)
    assert json.loads(raw)["hash"] == hashlib.sha256(without).hexdigest()


def test_time_has_milliseconds(audit, path, clock):
    clock.wall = NOON_S + 0.0625
    fill(audit, 1)
    assert entries(path)[-1]["time"] == "2026-01-01T12:00:00.062Z"


def test_file_is_its_owners_alone(path, clock):
    before = os.umask(0)
    try:
        log = AuditLog(path, clock)
        fill(log, 1)
    finally:
        os.umask(before)
    log.close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_token_that_got_into_a_text_is_not_written(audit, path):
    token = new_token()
    in_capitals = "fc_" + token[3:].upper()
    audit.write(event(detail=f"Bearer {token}!", code=token, request_id=in_capitals), durable=False)
    text = path.read_text()
    assert token[3:] not in text
    assert token[3:].upper() not in text
    assert entries(path)[-1]["detail"] == "Bearer fc_(removed)!"
    assert verify(path).is_intact


def test_token_across_the_cut_is_not_written_in_part(audit, path):
    audit.write(event(detail="x" * 980 + new_token()), durable=False)
    assert "fc_(removed)" in entries(path)[-1]["detail"]


def test_texts_that_are_long_or_strange_do_not_break_the_chain(audit, path):
    texts = ["y" * 100_000, 'a","hash":"' + "0" * 64 + '"}\n{"seq":1', "\ud800 \x00 \u2028 港股"]
    for text in texts:
        audit.write(event(detail=text), durable=False)
    report = verify(path)
    assert report.is_intact
    assert report.lines == len(texts) + 1
    assert max(map(len, path.read_bytes().splitlines())) < 4096
    assert entries(path)[-1]["detail"].endswith("港股")


def test_another_process_goes_on_with_the_chain(audit, path, clock):
    fill(audit, 2)
    other = AuditLog(path, clock)
    fill(other, 2)
    other.close()
    fill(audit, 1)
    assert [line["seq"] for line in entries(path)] == [1, 2, 3, 4, 5, 6]
    assert verify(path).is_intact


def test_four_processes_at_once_make_one_chain(path):
    writers = [start_writer(path, f"p{number}", LINES) for number in range(PROCESSES)]
    for writer in writers:
        assert writer.stdout.readline() == "ready\n"
    outputs = []
    for writer in writers:
        writer.stdin.write("go\n")
        writer.stdin.flush()
    for writer in writers:
        outputs.append(writer.communicate(timeout=60)[0].split())
        assert writer.returncode == 0
    report = verify(path)
    assert report.findings == ()
    assert report.lines == PROCESSES * LINES + 1 == report.last.seq
    written = [line["request_id"] for line in entries(path)[1:]]
    assert sorted(written) == sorted(name for output in outputs for name in output)
    for number in range(PROCESSES):
        own = [name for name in written if name.startswith(f"p{number}-")]
        assert own == [f"p{number}-{count}" for count in range(LINES)]


def test_writers_that_are_killed_lose_nothing_that_was_acknowledged(path):
    for name in ("a", "b", "c"):
        writer = start_writer(path, name, 100_000)
        assert writer.stdout.readline() == "ready\n"
        writer.stdin.write("go\n")
        writer.stdin.flush()
        told = [writer.stdout.readline() for _ in range(50)]
        writer.kill()
        told += [line for line in writer.stdout if line.endswith("\n")]
        writer.wait()
        writer.stdin.close()
        writer.stdout.close()
        written = {line["request_id"] for line in entries(path)[1:] if "request_id" in line}
        assert {line.strip() for line in told} <= written
    assert verify(path).is_intact


@pytest.mark.parametrize("is_begun", [False, True])
def test_death_between_any_two_bytes_of_a_line_is_seen_and_told(path, clock, is_begun):
    log = AuditLog(path, clock)
    if is_begun:
        fill(log, 1)
    before = path.read_bytes() if is_begun else b""
    fill(log, 1)
    log.close()
    after = path.read_bytes()
    line = after[len(before) :]
    cuts = range(1, len(line)) if is_begun else range(1, len(line), 7)
    for cut in cuts:
        path.write_bytes(after[: len(before) + cut])
        next_log = AuditLog(path, clock)
        fill(next_log, 1)
        next_log.close()
        report = verify(path)
        assert report.is_intact, (cut, report.findings)
        is_torn = after[len(before) + cut] != ord("\n") and after[len(before) + cut - 1] != ord("\n")
        assert [finding.flaw for finding in report.findings] == [Flaw.TORN] * is_torn, cut
        assert json.loads(path.read_bytes().splitlines()[-1])["request_id"] == "r0"


def test_several_deaths_in_a_row_are_torn_lines(path, clock):
    log = AuditLog(path, clock)
    fill(log, 1)
    log.close()
    with path.open("ab") as file:
        file.write(b'{"seq":3,"time":"20\n{"seq":3,"t\n{"se')
    fill(log, 2)
    log.close()
    report = verify(path)
    assert report.is_intact
    assert [(finding.line, finding.flaw) for finding in report.findings] == [
        (3, Flaw.TORN),
        (4, Flaw.TORN),
        (5, Flaw.TORN),
    ]
    assert report.last.seq == 4


def test_zeros_that_a_power_cut_leaves_are_a_torn_line(path, clock):
    log = AuditLog(path, clock)
    fill(log, 1)
    with path.open("ab") as file:
        file.write(bytes(70_000))
    fill(log, 1)
    log.close()
    assert verify(path).is_intact
    assert [finding.flaw for finding in verify(path).findings] == [Flaw.TORN]


def test_file_that_was_moved_away_is_followed_by_one_that_names_its_end(audit, path):
    fill(audit, 2)
    moved = path.with_suffix(".1")
    path.rename(moved)
    fill(audit, 1)
    end, begin = entries(moved)[-1], entries(path)[0]
    assert (begin["kind"], begin["seq"], begin["prev"]) == ("begin", end["seq"] + 1, end["hash"])
    assert verify(path).is_intact
    together = verify(moved, path)
    assert together.is_intact
    assert together.lines == 5


def test_a_process_that_slept_through_a_rotation_writes_to_the_new_file(audit, path, clock):
    fill(audit, 1)
    other = AuditLog(path, clock)
    fill(other, 1)
    path.rename(path.with_suffix(".1"))
    path.touch(0o600)
    fill(other, 1)
    fill(audit, 1)
    other.close()
    assert len(entries(path)) == 3
    assert verify(path.with_suffix(".1"), path).is_intact


def test_a_process_that_knows_no_earlier_file_begins_a_chain(path, clock):
    log = AuditLog(path, clock)
    fill(log, 1)
    log.close()
    path.rename(path.with_suffix(".1"))
    fill(log, 1)
    log.close()
    assert entries(path)[0]["prev"] == "0" * 64
    assert verify(path).is_intact
    assert [finding.flaw for finding in verify(path.with_suffix(".1"), path).breaks] == [Flaw.MISPLACED] * 2


def test_contents_that_are_no_audit_are_refused_until_moved_away(path, clock):
    path.write_bytes(b"some other log\n" * 100_000)
    log = AuditLog(path, clock)
    with pytest.raises(AuditUnavailable, match="move it away"):
        fill(log, 1)
    assert path.stat().st_size == 1_500_000
    path.rename(path.with_suffix(".1"))
    fill(log, 1)
    log.close()
    assert verify(path).is_intact


def test_lock_that_is_held_stops_writing_in_time_and_never_the_hub(path):
    log = AuditLog(path, SystemClock(), timeout_s=0.3)
    fill(log, 1)
    size = path.stat().st_size
    longest_s = 0.0

    def measure():
        nonlocal longest_s
        while True:
            before_s = time.monotonic()
            gevent.sleep(0.001)
            longest_s = max(longest_s, time.monotonic() - before_s)

    probe = gevent.spawn(measure)
    with path.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        began_s = time.monotonic()
        with pytest.raises(AuditUnavailable, match=r"audit.jsonl took no line within|too busy"):
            log.write(event(), durable=True)
        assert time.monotonic() - began_s < 2
    probe.kill()
    assert longest_s < HUB_STOP_MAX_S
    assert path.stat().st_size == size
    fill(log, 1)
    log.close()
    assert verify(path).is_intact


def test_unavailable_is_a_500_and_the_next_line_tries_again(path, clock):
    path.mkdir()
    log = AuditLog(path, clock)
    with pytest.raises(AuditUnavailable, match=os.strerror(errno.EISDIR)) as caught:
        fill(log, 1)
    assert caught.value.status == 500
    path.rmdir()
    fill(log, 1)
    log.close()
    assert verify(path).lines == 2


def test_disk_that_is_full_makes_writing_fail_and_the_chain_hold(path, clock, monkeypatch):
    log = AuditLog(path, clock)
    fill(log, 1)
    whole_write = os.write
    monkeypatch.setattr(os, "write", lambda file, data: whole_write(file, data[:20]))
    with pytest.raises(AuditUnavailable, match="only 20 of"):
        fill(log, 1)
    monkeypatch.undo()
    fill(log, 1)
    log.close()
    assert [finding.flaw for finding in verify(path).findings] == [Flaw.TORN]


def test_durable_line_is_synced_and_another_is_not(path, clock, monkeypatch):
    synced = []
    monkeypatch.setattr(os, "fsync", lambda file: synced.append(os.fstat(file).st_size))
    log = AuditLog(path, clock)
    fill(log, 2)
    synced.clear()
    fill(log, 1)
    assert synced == []
    log.write(event(), durable=True)
    assert synced == [path.stat().st_size]
    log.close()


def test_lines_that_come_while_the_disk_is_busy_are_synced_together(path, monkeypatch):
    log = AuditLog(path, SystemClock(), timeout_s=10)
    fill(log, 1)
    sizes, is_first_begun, may_go_on = [], threading.Event(), threading.Event()

    def sync(file):
        sizes.append(os.fstat(file).st_size)
        is_first_begun.set()
        assert may_go_on.wait(timeout=10)

    monkeypatch.setattr(os, "fsync", sync)
    first = gevent.spawn(log.write, event(0), durable=True)
    while not is_first_begun.is_set():
        gevent.sleep(0.001)
    others = [gevent.spawn(log.write, event(number), durable=True) for number in range(1, 51)]
    gevent.sleep(0)
    assert not any(each.ready() for each in (first, *others))
    may_go_on.set()
    gevent.joinall([first, *others], raise_error=True)
    assert len(sizes) == 2
    assert sizes[-1] == path.stat().st_size
    names = [line["request_id"] for line in entries(path)[2:]]
    assert names == [f"r{number}" for number in range(51)]
    log.close()
    assert verify(path).findings == ()


def test_a_burst_on_a_slow_disk_is_taken_whole(path, monkeypatch):
    """One sync a line would take 10 s, and most lines would be told that they came too late."""
    monkeypatch.setattr(os, "fsync", lambda file: time.sleep(0.05))
    log = AuditLog(path, SystemClock())
    written = [gevent.spawn(log.write, event(number), durable=True) for number in range(200)]
    gevent.joinall(written, raise_error=True)
    log.close()
    assert len(entries(path)) == 201


def test_line_whose_hub_hears_too_late_of_it_counts_as_written(path):
    log = AuditLog(path, SystemClock(), timeout_s=0.3)
    fill(log, 1)

    def starve():
        deadline_s = time.monotonic() + 5
        while len(entries(path)) < 3 and time.monotonic() < deadline_s:
            time.sleep(0.01)
        time.sleep(0.4)

    written = gevent.spawn(log.write, event(1), durable=True)
    gevent.sleep(0)
    gevent.sleep(0)
    starve()
    written.get(timeout=5)
    log.close()


def test_audit_that_was_opened_before_a_fork_is_refused(audit, monkeypatch):
    fill(audit, 1)
    real = os.getpid()
    monkeypatch.setattr(os, "getpid", lambda: real + 1)
    with pytest.raises(AuditUnavailable, match="before the process forked"):
        fill(audit, 1)


def test_disk_that_is_slow_stops_the_writer_alone(path, clock, monkeypatch):
    log = AuditLog(path, clock)
    fill(log, 1)
    went_on = threading.Event()
    waited = []
    monkeypatch.setattr(os, "fsync", lambda file: waited.append(went_on.wait(timeout=1)))
    gevent.spawn(went_on.set)
    log.write(event(), durable=True)
    assert waited == [True]
    log.close()
