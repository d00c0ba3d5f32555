"""The simulator where it would stand in the way of a measurement: it remembers K-lines, and gives money.

To make 1,000 K-lines takes it longer than any contender takes to pass them on; it would be the limit of
them all. OpenD has them ready; here the bytes of each answer are made once. And accounts have money for
as many orders as a load can place. Everything else is the simulator's as ever.
"""

from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

from gateway.schema.descriptors import WireMessage
from gateway.schema.protocols import protocol_named
from gateway.simulator.__main__ import main
from gateway.simulator.broker import broker
from gateway.simulator.broker.account import Account
from gateway.simulator.dispatch import Dispatcher
from gateway.simulator.model import Work
from gateway.simulator.session import Session

CASH = Decimal(10**15)
REMEMBERED = protocol_named("Qot_RequestHistoryKL").proto_id


def remembering(answer: Callable[..., Work[bytes]]) -> Callable[..., Work[bytes]]:
    replies: dict[bytes, bytes] = {}

    def answer_or_remember(self: Any, session: Session, proto_id: int, c2s: WireMessage) -> Work[bytes]:
        if proto_id != REMEMBERED:
            return (yield from answer(self, session, proto_id, c2s))
        asked = c2s.SerializeToString()
        if asked not in replies:
            replies[asked] = yield from answer(self, session, proto_id, c2s)
        return replies[asked]

    return answer_or_remember


def rich(seed: Callable[..., Iterator[Account]]) -> Callable[..., Iterator[Account]]:
    def seed_richly(*arguments: Any) -> Iterator[Account]:
        for account in seed(*arguments):
            account.cash.update(dict.fromkeys(account.cash, CASH))
            yield account

    return seed_richly


if __name__ == "__main__":
    broker.seed_accounts = rich(broker.seed_accounts)
    Dispatcher.answer = remembering(Dispatcher.answer)
    main()
