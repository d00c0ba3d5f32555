"""A trap that strikes at a named step of an order inside a worker: it kills the worker, or holds it there.

A test arms it by a file; whichever worker comes to the point first takes the file, so that it strikes
once. `trapped.conf.py` is the workers' side and lists the steps.
"""

import json
from pathlib import Path

from fix_gateway import wait_until

VARIABLE = "TRAP_DIRECTORY"
CONFIG_FILE = Path(__file__).with_name("trapped.conf.py")


class Trap:
    """The files through which a test and the workers agree."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir()
        self.directory = directory
        self._armed, self._sprung = directory / "armed", directory / "sprung"

    def kill_at(self, point: str) -> None:
        """Let the next worker that comes to the point die there, as by SIGKILL."""
        self._arm(point, "kill")

    def hold_at(self, point: str) -> None:
        """Let the next greenlet that comes to the point wait there until `release`."""
        self._arm(point, "hold")

    def wait_sprung(self) -> None:
        """Wait until somebody has come to the point."""
        wait_until(lambda: self.was_sprung)

    def wait_worker(self) -> int:
        """Wait until somebody has come to the point; the process that did."""
        self.wait_sprung()
        file = self.directory / "worker"
        wait_until(lambda: file.exists() and file.read_text() != "")
        return int(file.read_text())

    @property
    def was_sprung(self) -> bool:
        """Whether somebody came to the point since the trap was armed."""
        return self._sprung.exists()

    def release(self) -> None:
        """Let the held greenlet go on; a trap that nobody came to is taken away."""
        self._armed.unlink(missing_ok=True)
        self._sprung.unlink(missing_ok=True)

    def _arm(self, point: str, action: str) -> None:
        self.release()
        written = self.directory / "new"
        written.write_text(json.dumps({"point": point, "action": action}))
        written.rename(self._armed)
