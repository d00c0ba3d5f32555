"""A process that reserves at a store: `reserver.py STORE NAME COUNT CAP`.

It waits for a line on its input, so that several start together, and writes the id of each intent
once the ledger has acknowledged it.
"""

import sys

from fix_charge import daily, rate
from fix_intent import NOON, intent
from fix_store import connect

from gateway.ledger.base import Charge, Reserved


def main(store: str, name: str, count: str, cap: str) -> None:
    ledger = connect(store)
    ledger.generations()
    print("ready", flush=True)
    sys.stdin.readline()
    charge = Charge(rate=rate(int(cap)).rate, daily=daily("1", cap).daily)
    for number in range(int(count)):
        outcome = ledger.reserve(intent(f"{name}-{number}"), charge, NOON)
        if isinstance(outcome, Reserved):
            print(outcome.record.intent.intent_id, flush=True)
    ledger.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
