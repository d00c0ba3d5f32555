import errno
import json
import os
import time

import gevent
import pytest

from gateway.clock import ManualClock
from gateway.policy.token import format_hash, hash_token
from gateway.policy_watch import LOOK_INTERVAL_S, PolicyFile, PolicyWatch
from gateway.yaml_text import ConfigurationError

NOON_S = 1_767_268_800.0
LIMIT_S = 20


def key(key_id):
    return {"id": key_id, "hash": format_hash(hash_token(key_id)), "scopes": []}


def ids(policy):
    return [each.principal.key_id for each in policy.keys]


@pytest.fixture
def path(tmp_path):
    """A policy file with the key `a`."""
    file = tmp_path / "policy.yaml"
    file.touch(0o600)
    write(file, "a")
    return file


def write(path, *key_ids):
    """Replace the file as an editor does, so that it differs whatever the clock's grain."""
    draft = path.with_name("draft")
    draft.touch(0o600)
    draft.write_text(json.dumps({"version": 1, "keys": [key(each) for each in key_ids]}))
    os.replace(draft, path)


@pytest.fixture
def file(path):
    policy_file = PolicyFile(path)
    policy_file.load()
    yield policy_file
    policy_file.close()


@pytest.fixture
def watch(file):
    watch = PolicyWatch(file, ManualClock(wall=NOON_S))
    watch.look()
    return watch


def test_a_change_is_in_force_after_the_next_look(path, watch):
    write(path, "a", "b")
    watch.look()
    assert ids(watch.policy) == ["a", "b"]
    assert watch.staleness is None


def test_a_file_that_did_not_change_is_not_read(path, watch, monkeypatch):
    monkeypatch.setattr(PolicyFile, "load", lambda file: pytest.fail("it was read"))
    watch.look()


@pytest.mark.parametrize(
    ("spoil", "place"),
    [
        (lambda path: path.write_text("version: 1\nkeys: [\n"), (3, 1)),
        (lambda path: path.write_text("version: 1\nkyes: []\n"), (2, 1)),
        (lambda path: path.write_bytes(b"\xff"), None),
        (lambda path: path.write_text(""), None),
        (lambda path: path.chmod(0o644), None),
        (lambda path: path.unlink(), None),
    ],
    ids=["no YAML", "unknown name", "no UTF-8", "empty", "mode", "missing"],
)
def test_a_wrong_file_changes_nothing_and_is_logged_once(path, watch, caplog, spoil, place):
    spoil(path)
    for _ in range(3):
        watch.look()
    assert ids(watch.policy) == ["a"]
    assert watch.staleness.since_s == NOON_S
    marks = [
        problem.mark and (problem.mark.line, problem.mark.column) for problem in watch.staleness.problems
    ]
    assert place is None or place in marks
    (logged,) = caplog.records
    assert logged.getMessage().startswith(f"the policy stays as it was: {path}")


def test_staleness_counts_from_the_first_wrong_file_and_ends_with_a_good_one(path, file, caplog):
    clock = ManualClock(wall=NOON_S)
    watch = PolicyWatch(file, clock)
    for wrong in ("a: [", "b: [["):
        path.write_text(wrong)
        watch.look()
        clock.advance(5)
    assert watch.staleness.since_s == NOON_S
    assert len(caplog.records) == 2
    write(path, "c")
    watch.look()
    assert watch.staleness is None
    assert ids(watch.policy) == ["c"]


def test_a_file_that_cannot_even_be_tried_leaves_the_policy(path, watch, monkeypatch):
    def fail(file):
        raise MemoryError

    monkeypatch.setattr(PolicyFile, "load", fail)
    path.touch()
    path.chmod(0o400)
    watch.look()
    assert ids(watch.policy) == ["a"]
    assert "MemoryError" in watch.staleness.problems[0].text


def test_a_new_worker_gets_what_another_worker_saw_last(path, file, watch):
    write(path, "b")
    watch.look()
    path.write_text("broken: [")
    assert ids(PolicyWatch(file, ManualClock(wall=NOON_S)).policy) == ["b"]


def test_the_last_good_content_travels_through_a_fork(path, file):
    child = os.fork()
    if child == 0:
        write(path, "b", "c")
        file.load()
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    assert ids(file.last_good()) == ["b", "c"]


def test_a_content_that_was_cut_off_counts_as_none(file, monkeypatch, caplog):
    monkeypatch.setattr(file, "_read_kept", lambda: b'{"version": 1, "ke')
    assert ids(file.last_good()) == ["a"]
    assert "a process ended while it kept the policy" in caplog.text


@pytest.mark.parametrize("short", [True, False])
def test_a_revoked_key_is_refused_although_the_disk_is_full(path, file, watch, monkeypatch, caplog, short):
    def full(kept, content, offset):
        if short:
            return 0
        raise OSError(errno.ENOSPC, "No space left on device")

    write(path, "b")
    monkeypatch.setattr(os, "pwrite", full)
    watch.look()
    assert (ids(watch.policy), watch.staleness) == (["b"], None)
    assert "a new worker may begin with the policy before this one: [Errno 28]" in caplog.text


def test_numbers_and_times_of_limits_survive_the_keeping(path, file):
    limits = {"max_order_value": {"HKD": 0.1}, "hours_window": "22:00-02:00 Asia/Hong_Kong"}
    path.write_text(json.dumps({"version": 1, "keys": [{**key("a"), "limits": limits}]}))
    assert file.load().keys == file.last_good().keys


def test_the_watch_follows_within_a_second(path, file):
    watch = PolicyWatch(file, ManualClock(wall=NOON_S))
    watch.open()
    try:
        gevent.sleep(2 * LOOK_INTERVAL_S)
        write(path, "b")
        written_s = time.monotonic()
        while ids(watch.policy) != ["b"]:
            assert time.monotonic() - written_s < LIMIT_S
            gevent.sleep(0.01)
    finally:
        watch.close()
    assert LOOK_INTERVAL_S <= 0.5


def test_a_first_load_of_a_wrong_file_is_an_error(tmp_path):
    file = PolicyFile(tmp_path / "none.yaml")
    with pytest.raises(ConfigurationError, match="cannot be read: No such file"):
        file.load()
    file.close()
