"""Prints the longest stop of the hub, in seconds, while a patched process asks a Redis that is deaf."""

from gevent import monkey

monkey.patch_all()

import sys  # noqa: E402
import time  # noqa: E402

import gevent  # noqa: E402
from fix_intent import NOON, intent  # noqa: E402

from gateway.ledger.base import Charge, LedgerUnavailable  # noqa: E402
from gateway.ledger.redis import RedisLedger  # noqa: E402


def main(url: str) -> None:
    ledger = RedisLedger(url)
    asked = gevent.spawn(ledger.reserve, intent(1), Charge(), NOON)
    longest, last = 0.0, time.monotonic()
    while not asked.ready():
        gevent.sleep(0.001)
        longest, last = max(longest, time.monotonic() - last), time.monotonic()
    if not isinstance(asked.exception, LedgerUnavailable):
        sys.exit(f"the deaf server answered: {asked.value}")
    print(longest)


main(*sys.argv[1:])
