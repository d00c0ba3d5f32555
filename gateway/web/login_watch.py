"""Whether OpenD is logged in to Futu's servers: asked now and then, so that `/ready` need not ask.

A connection says little: an OpenD that has lost its login keeps all connections up, and refuses.
"""

import logging
from dataclasses import dataclass

from gateway.clock import Clock
from gateway.metrics.table import OPEND_IS_LOGGED_IN
from gateway.opend.client import CallKind, Client
from gateway.opend.errors import OpenDError
from gateway.repetition import Repetition
from gateway.schema.protocols import protocol_named

GLOBAL_STATE = protocol_named("GetGlobalState")

INTERVAL_S = 2.0
"""Between two questions while all is well."""

ANXIOUS_INTERVAL_S = 1.0
"""Between two while something is not."""

ANSWER_LIMIT_S = 2.0
"""How long OpenD may take: an OpenD that hangs is known as such this long after the next question."""

MAX_AGE_S = 10.0
"""No answer is believed for longer."""

NO_CONNECTION = "OpenD: no connection"
NOT_ASKED = "OpenD: not asked yet whether it is logged in"
NO_ANSWER = "OpenD: no answer to whether it is logged in"
LOGGED_OUT = {
    "quotes": "OpenD: not logged in for quotes",
    "trading": "OpenD: not logged in for trading",
}

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Finding:
    """What a question gave, and when (monotonic seconds)."""

    problems: tuple[str, ...]
    found_s: float


class LoginWatch:
    """Asks OpenD from `open` to `close`, on the connection that quotes travel on."""

    def __init__(self, client: Client, clock: Clock) -> None:
        self._client = client
        self._clock = clock
        self._finding: _Finding | None = None
        self._repetition = Repetition(
            "a look whether OpenD is logged in",
            self.look,
            lambda: ANXIOUS_INTERVAL_S if self.problems() else INTERVAL_S,
        )

    def open(self) -> None:
        """Ask in the background."""
        self._repetition.open()

    def close(self) -> None:
        """Ask no longer."""
        self._repetition.close()

    def problems(self) -> tuple[str, ...]:
        """Why OpenD cannot be used, as sentences without an address; none when it can. Asks nothing."""
        if not self._client.status().is_ready:
            return (NO_CONNECTION,)
        finding = self._finding
        if finding is None or self._clock.monotonic_s() - finding.found_s > MAX_AGE_S:
            return (NOT_ASKED,)
        return finding.problems

    def look(self) -> None:
        """Ask once, unless there is no connection: a question would hurry those who make one."""
        before = self.problems()
        problems = self._ask() if self._client.status().is_ready else (NO_CONNECTION,)
        self._finding = _Finding(problems, self._clock.monotonic_s())
        is_known = not {NO_CONNECTION, NO_ANSWER} & set(problems)
        for purpose, problem in LOGGED_OUT.items():
            OPEND_IS_LOGGED_IN.labels(purpose).set(is_known and problem not in problems)
        if problems and problems != before:
            _log.warning("%s", "; ".join(problems))
        elif before and not self.problems():
            _log.info("OpenD: logged in for quotes and trading")

    def _ask(self) -> tuple[str, ...]:
        request = GLOBAL_STATE.request()
        request.c2s.userID = 0
        try:
            answer = self._client.call(
                GLOBAL_STATE, request, kind=CallKind.READ, pinned=True, timeout_s=ANSWER_LIMIT_S
            )
        except OpenDError as error:
            _log.debug("OpenD does not tell whether it is logged in: %s", error)
            return (NO_ANSWER,)
        is_logged_in = {"quotes": answer.s2c.qotLogined, "trading": answer.s2c.trdLogined}
        return tuple(LOGGED_OUT[purpose] for purpose, is_so in is_logged_in.items() if not is_so)
