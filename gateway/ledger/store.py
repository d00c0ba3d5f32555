"""Which ledger a setting names."""

from pathlib import Path

from gateway.ledger.base import Ledger
from gateway.ledger.redis import RedisLedger
from gateway.ledger.sqlite import SqliteLedger


def open_ledger(setting: str, inode: int | None = None) -> Ledger:
    """The ledger of `sqlite:PATH` or `redis://...`. Nothing is opened before its first step.

    `inode` is what `sqlite.prepare` told; None where a file that is missing may be made. Raises ValueError
    for another form.
    """
    scheme, _, rest = setting.partition(":")
    if scheme == "sqlite" and rest:
        return SqliteLedger(Path(rest), inode=inode)
    if scheme in ("redis", "rediss"):
        return RedisLedger(setting)
    raise ValueError("a ledger is sqlite:PATH or redis://HOST:PORT/DATABASE")
