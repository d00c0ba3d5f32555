"""The directory where the workers of one gunicorn keep their metrics.

prometheus_client's multiprocess mode gives each worker files that a scrape adds up. They lie in
memory where the machine has a file system for that: writing into a mapped file waits for a slow
disk, and on a full one ends the process. The files of workers that ended are added into one, so that
a scrape does not grow with every reload.
"""

import fcntl
import logging
import os
import shutil
import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

DIRECTORY_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
"""What prometheus_client looks for when it is imported. A value from outside is replaced: two gateways
that shared a directory would each show the sum of both."""

PREFIX = "gateway-metrics-"
MEMORY = Path("/dev/shm")  # noqa: S108 - the directory made in it is private

_SUMMED = ("counter", "histogram")
_LOCK_NAME = "lock"

_HEAD_BYTES = 8
_ENTRY_BYTES = 32
"""What an entry of prometheus_client's files takes at most beside its key: length, padding, value, time."""

_log = logging.getLogger(__name__)


class MetricFiles:
    """The directory of one master process, which is made empty, and removed by `close`.

    A lock on it is held by the master and inherited by its workers. A directory that nobody holds
    was left by a gateway that was killed; the next one to start removes it.
    """

    def __init__(self, parent: Path | None = None) -> None:
        parent = parent or (MEMORY if os.access(MEMORY, os.W_OK | os.X_OK) else Path(tempfile.gettempdir()))
        _remove_abandoned(parent)
        made = Path(tempfile.mkdtemp(dir=parent, prefix="." + PREFIX))
        self._held = os.open(made, os.O_RDONLY | os.O_DIRECTORY)
        fcntl.flock(self._held, fcntl.LOCK_EX)
        # Only under its final name may another process find it, and then it is held already.
        self.path = made.rename(parent / made.name.removeprefix("."))
        self._owner_pid = os.getpid()

    def announce(self) -> None:
        """Tell prometheus_client where the files go. To be called before anything imports it."""
        os.environ[DIRECTORY_VARIABLE] = str(self.path)

    def close(self) -> None:
        """Remove the directory. In a forked child it touches nothing."""
        if self._owner_pid == os.getpid():
            shutil.rmtree(self.path, ignore_errors=True)

    def retire(self, pid: int, living: Collection[int]) -> None:
        """A worker has ended: its gauges go, its sums stay. `living` are those that run. Never raises."""
        from prometheus_client.multiprocess import mark_process_dead

        try:
            mark_process_dead(pid, str(self.path))  # type: ignore[no-untyped-call]
            for kind in _SUMMED:
                self._merge(kind, {str(each) for each in living})
        except Exception as error:  # noqa: BLE001 - no figure is worth the end of a master
            _log.error("the metrics of worker %d stay as they are: %r", pid, error)

    def _merge(self, kind: str, living: Collection[str]) -> None:
        """Add the files of all workers that ended into one, unless a scrape reads them just now.

        What is left is merged when the next worker ends; a master must not wait for a worker.
        """
        summed = self.path / f"{kind}_ended.db"
        ended = [path for path in self.path.glob(f"{kind}_*.db") if _pid_of(path) not in living]
        if ended in ([], [summed]):
            return
        try:
            with locked(self.path, fcntl.LOCK_EX | fcntl.LOCK_NB):
                os.replace(_write_sum(ended, self.path / f"{kind}_ended.new"), summed)
                for path in set(ended) - {summed}:
                    path.unlink()
        except BlockingIOError:
            return


def _pid_of(path: Path) -> str:
    return path.stem.partition("_")[2]


def _write_sum(files: Collection[Path], target: Path) -> Path:
    from prometheus_client.mmap_dict import MmapedDict

    sums: dict[str, float] = {}
    for file in filter(_is_begun, files):
        for key, value, _, _ in MmapedDict.read_all_values_from_file(file):  # type: ignore[no-untyped-call]
            sums[key] = sums.get(key, 0.0) + value
    _reserve(target, _HEAD_BYTES + sum(len(key.encode()) + _ENTRY_BYTES for key in sums))
    written = MmapedDict(str(target))  # type: ignore[no-untyped-call]
    for key, value in sums.items():
        written.write_value(key, value, 0.0)  # type: ignore[no-untyped-call]
    written.close()  # type: ignore[no-untyped-call]
    return target


def _is_begun(file: Path) -> bool:
    """Whether a worker came to write anything before it was killed."""
    return file.stat().st_size > 0


def _reserve(target: Path, size_bytes: int) -> None:
    """Make an empty file with its space: writing to a mapped one without would end the process."""
    with target.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, size_bytes)


@contextmanager
def locked(directory: Path, mode: int) -> Iterator[None]:
    """Hold the lock between scrapes (`LOCK_SH`) and the merging of files (`LOCK_EX`)."""
    with (directory / _LOCK_NAME).open("ab") as file:
        fcntl.flock(file, mode)
        yield


def _remove_abandoned(parent: Path) -> None:
    for directory in parent.glob(PREFIX + "*"):
        try:
            held = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        except OSError:
            continue  # another user's, or just removed
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(directory, ignore_errors=True)
        except BlockingIOError:
            continue
        finally:
            os.close(held)
