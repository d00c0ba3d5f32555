"""Whether the workers that a reload starts serve already, so that those they relieve may end.

gunicorn ends the old workers as soon as it has forked new ones, which then need seconds before they serve.
"""

import mmap
import os
import tempfile

_COUNT_BYTES = 8


class Relief:
    """A count that all processes of a gateway share. Made before the fork, and inherited by the workers.

    Every worker adds a byte to a file without a name: appending needs no lock. What has to be reached
    stands in shared memory, which the master alone writes.
    """

    def __init__(self) -> None:
        made, name = tempfile.mkstemp()
        self._begun = os.open(name, os.O_WRONLY | os.O_APPEND)
        os.close(made)
        os.unlink(name)
        self._after = 0
        self._wanted = mmap.mmap(-1, _COUNT_BYTES)

    def want(self, workers: int, after: int) -> None:
        """Of the master, at a reload: so many workers are to begin, and until then the old ones serve.

        gunicorn numbers its workers; the new ones come after the number `after`.
        """
        self._after = after
        self._set_wanted(self._count() + workers)

    def ended(self, number: int) -> None:
        """Of the master: a worker has ended. If it was a new one, nobody waits for it any longer."""
        if number > self._after:
            self._set_wanted(0)

    def begin(self) -> None:
        """Of a worker: it serves from now on."""
        os.write(self._begun, b".")

    @property
    def is_here(self) -> bool:
        """Whether all that were wanted serve."""
        return self._count() >= int.from_bytes(self._wanted[:])

    def close(self) -> None:
        """Let go of file and memory."""
        os.close(self._begun)
        self._wanted.close()

    def _count(self) -> int:
        return os.fstat(self._begun).st_size

    def _set_wanted(self, count: int) -> None:
        self._wanted[:] = count.to_bytes(_COUNT_BYTES)
