"""Which ledger a setting names."""

from pathlib import Path

from gateway.ledger.base import Ledger
from gateway.ledger.redis import RedisLedger
from gateway.ledger.sqlite import SqliteLedger


def open_ledger(setting: str, inode: int | None = None) -> Ledger:
    """The ledger of `sqlite:PATH` or `redis://...`. Nothing is opened before its first step.

    `inode` is what `prepare_ledger` told; None where a file that is missing may be made. Raises ValueError
    for another form.
    """
    scheme, _, rest = setting.partition(":")
    if scheme == "sqlite" and rest:
        return SqliteLedger(Path(rest), inode=inode)
    if scheme in ("redis", "rediss"):
        return RedisLedger(setting)
    raise ValueError("a ledger is sqlite:PATH or redis://HOST:PORT/DATABASE")


def prepare_ledger(setting: str) -> int | None:
    """Make the file of an embedded ledger unless it is there; its inode, None for another kind of ledger.

    For a process that will fork: those that use the ledger then take no other file for it, and none of them
    begins a new one, whose limits would start from nothing. Raises LedgerUnavailable.
    """
    scheme, _, rest = setting.partition(":")
    return SqliteLedger(Path(rest)).prepare() if scheme == "sqlite" else None
