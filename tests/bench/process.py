"""What the kernel says of a process."""

import os
import time
from pathlib import Path

from fix_gateway import children_of

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_UTIME, _STIME, _STARTTIME = 11, 12, 19


def _stat(pid: int) -> list[str]:
    """Fields of /proc/PID/stat after the name, so that `state` is the first."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def cpu_s(pid: int) -> float:
    """Processor time that a process has taken, in steps of 10 ms."""
    fields = _stat(pid)
    return (int(fields[_UTIME]) + int(fields[_STIME])) / _TICKS_PER_S


def age_s(pid: int) -> float:
    """How long ago a process was forked, to 10 ms."""
    started_s = int(_stat(pid)[_STARTTIME]) / _TICKS_PER_S
    return time.clock_gettime(time.CLOCK_BOOTTIME) - started_s


def resident_mb(pid: int) -> float:
    """Resident memory, shared pages included, in MB of 10^6 bytes."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE_BYTES / 1e6


def worker_of(master_pid: int) -> int:
    """The one worker of a gunicorn master. Raises LookupError while there is none, or more."""
    workers = [pid for pid in children_of(master_pid) if b"gunicorn" in _command(pid)]
    if len(workers) != 1:
        raise LookupError(f"{len(workers)} workers")
    return workers[0]


def _command(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return b""
