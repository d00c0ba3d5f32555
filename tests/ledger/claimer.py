"""A process that claims at a store: `claimer.py STORE NAME ROUNDS`.

It waits for a line on its input, so that several start together. In each round it puts a claim of its
own, one of the key's that all processes share, and one under a lease that it then ends; every
third claim of its own it drops again. It prints how many claims its drops counted.
"""

import sys

from fix_charge import NOON
from fix_store import connect

from gateway.claim import Claim, Holder, Subscription


def main(store: str, name: str, rounds: str) -> None:
    ledger = connect(store)
    ledger.generations()
    print("ready", flush=True)
    sys.stdin.readline()
    own, dropped = Holder("bot", name), 0
    for number in range(int(rounds)):
        subscription, lease_id = Subscription(1, str(number), 1), f"{name}-{number}"
        ledger.put_claims([Claim(holder=own, subscription=subscription)])
        ledger.put_claims([Claim(holder=Holder("bot"), subscription=subscription)])
        ledger.renew_lease(lease_id, NOON, NOON + 2.5)
        ledger.put_claims(
            [Claim(holder=Holder("bot", lease_id), subscription=subscription, lease_id=lease_id)]
        )
        if number % 3 == 0:
            dropped += ledger.drop_claims(own, [subscription])
        ledger.end_lease(lease_id)
        dropped += ledger.drop_claims(Holder("shared"), [subscription])
    ledger.close()
    print(dropped, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
