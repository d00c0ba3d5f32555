"""The record on disk: a line an event, readable while it is written and after a kill."""

import json

import pytest

from gateway.simulator.journal import Journal, JournalEvent, read_journal


def test_entries_are_numbered_and_kept_in_order():
    journal = Journal()
    journal.record(JournalEvent.PLACED, 1.5, {"order_id": 1})
    journal.record(JournalEvent.FILLED, 2.5, {"order_id": 1})
    assert journal.entries == (
        {"seq": 1, "time": 1.5, "event": "placed", "order_id": 1},
        {"seq": 2, "time": 2.5, "event": "filled", "order_id": 1},
    )


def test_each_entry_is_on_disk_when_record_returns(tmp_path):
    path = tmp_path / "journal.jsonl"
    journal = Journal(path)
    for order_id in (281756479345015383, 2):
        journal.record(JournalEvent.PLACED, 1.0, {"order_id": order_id, "remark": "策略\n甲"})
        assert read_journal(path) == list(journal.entries)
    assert len(path.read_bytes().splitlines()) == 2
    journal.close()


def test_later_journal_continues_the_file(tmp_path):
    path = tmp_path / "journal.jsonl"
    for order_id in (1, 2):
        journal = Journal(path)
        journal.record(JournalEvent.PLACED, 1.0, {"order_id": order_id})
        journal.close()
    assert [entry["order_id"] for entry in read_journal(path)] == [1, 2]


def test_torn_last_line_is_left_out(tmp_path):
    path = tmp_path / "journal.jsonl"
    path.write_text(json.dumps({"seq": 1}) + '\n{"seq": 2', encoding="utf-8")
    assert read_journal(path) == [{"seq": 1}]


def test_closed_journal_can_be_read_but_goes_no_further_on_disk(tmp_path):
    path = tmp_path / "journal.jsonl"
    journal = Journal(path)
    journal.record(JournalEvent.PLACED, 1.0, {})
    journal.close()
    journal.close()
    assert len(journal.entries) == 1


def test_path_that_cannot_be_opened_is_an_error(tmp_path):
    with pytest.raises(OSError, match="absent"):
        Journal(tmp_path / "absent" / "journal.jsonl")
