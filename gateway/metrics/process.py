"""What a worker takes of the machine: processor time, memory, open files."""

import os
import resource
from dataclasses import dataclass
from pathlib import Path

from gateway.metrics.table import CPU_SECONDS, OPEN_FILES, OPEN_FILES_LIMIT, RESIDENT_MEMORY_BYTES

PROC = Path("/proc/self")
"""Where Linux tells of the process. On other systems memory and open files are not measured."""


@dataclass(slots=True)
class ProcessWatch:
    """Of this process; `look` in the process that is meant, after any fork."""

    counted_cpu_s: float = 0.0

    def look(self) -> None:
        """Measure now."""
        used = resource.getrusage(resource.RUSAGE_SELF)
        cpu_s = used.ru_utime + used.ru_stime
        CPU_SECONDS.inc(cpu_s - self.counted_cpu_s)
        self.counted_cpu_s = cpu_s
        if PROC.exists():
            resident_pages = int((PROC / "statm").read_text().split()[1])
            RESIDENT_MEMORY_BYTES.set(resident_pages * resource.getpagesize())
            OPEN_FILES.set(len(os.listdir(PROC / "fd")))
            OPEN_FILES_LIMIT.set(resource.getrlimit(resource.RLIMIT_NOFILE)[0])
