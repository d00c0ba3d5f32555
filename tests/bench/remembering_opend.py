"""The simulator, which makes each answer with K-lines of the past once and remembers its bytes.

To make 1,000 of them takes it longer than any contender takes to pass them on; it would be the limit of
them all. OpenD itself has them ready. All other requests are the simulator's as ever.
"""

from collections.abc import Callable
from typing import Any

from gateway.schema.descriptors import WireMessage
from gateway.schema.protocols import protocol_named
from gateway.simulator.__main__ import main
from gateway.simulator.dispatch import Dispatcher
from gateway.simulator.model import Work
from gateway.simulator.session import Session

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


if __name__ == "__main__":
    Dispatcher.answer = remembering(Dispatcher.answer)
    main()
