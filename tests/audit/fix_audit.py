"""Audits for tests, and a process that writes one."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from gateway.audit import AuditEvent, AuditKind, AuditLog
from gateway.clock import ManualClock

ROOT = Path(__file__).parents[2]
NOON_S = 1_767_268_800.0
"""2026-01-01 12:00 UTC."""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "audit.jsonl"


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOON_S)


@pytest.fixture
def audit(path, clock):
    log = AuditLog(path, clock)
    yield log
    log.close()


def event(number: int = 0, **members: Any) -> AuditEvent:
    return AuditEvent(**{"kind": AuditKind.DECISION, "request_id": f"r{number}", **members})


def fill(log: AuditLog, count: int) -> None:
    for number in range(count):
        log.write(event(number), durable=False)


def entries(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def start_writer(path: Path, name: str, count: int, *, durable: bool = False) -> subprocess.Popen[str]:
    """A process that says ready, waits for a line, writes, and says each line that was taken."""
    return subprocess.Popen(
        [
            sys.executable,
            str(Path(__file__).with_name("writer.py")),
            str(path),
            name,
            str(count),
            str(durable),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
