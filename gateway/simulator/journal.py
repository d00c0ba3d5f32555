"""The append-only record of what the broker executed: the ground truth that tests compare against."""

import json
from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any, TextIO


class JournalEvent(StrEnum):
    """What happened to an order."""

    PLACED = "placed"
    MODIFIED = "modified"
    CANCEL_REQUESTED = "cancel_requested"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    REJECTED = "rejected"
    DISABLED = "disabled"
    ENABLED = "enabled"
    DELETED = "deleted"
    FILLED = "filled"


class Journal:
    """Entries in memory and, where a path is given, one JSON object a line in a file.

    Each line is written and flushed before `record` returns, so it outlives a killed process (though not a
    killed machine). An existing file is continued. Raises OSError where the file cannot be opened.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._entries: list[Mapping[str, Any]] = []
        self._file: TextIO | None = path.open("a", encoding="utf-8") if path is not None else None

    @property
    def entries(self) -> Sequence[Mapping[str, Any]]:
        """What was recorded since this journal was opened, oldest first."""
        return tuple(self._entries)

    def record(self, event: JournalEvent, time_s: float, fields: Mapping[str, Any]) -> None:
        """Append an entry: `seq` from 1, `time` in seconds since the epoch, `event`, and `fields`."""
        entry = {"seq": len(self._entries) + 1, "time": time_s, "event": event.value, **fields}
        self._entries.append(entry)
        if self._file is not None:
            self._file.write(json.dumps(entry, ensure_ascii=False, separators=(",", ":")) + "\n")
            self._file.flush()

    def close(self) -> None:
        """Close the file; the entries in memory stay readable."""
        if self._file is not None:
            self._file.close()
            self._file = None


def read_journal(path: Path) -> list[dict[str, Any]]:
    """The entries of a journal's file, oldest first; a last line without its end is left out."""
    lines = path.read_text(encoding="utf-8").split("\n")
    return [json.loads(line) for line in lines[:-1]]
