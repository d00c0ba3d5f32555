"""The control channel: one JSON object a line in, one a line out, on a loopback port of its own.

A command is `{"command": NAME, ...}`; the answer is `{"ok": true, ...}` or `{"ok": false, "error": TEXT}`.
"""

import asyncio
import json
import logging
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from gateway.clock import ManualClock
from gateway.simulator.assembly import Simulation
from gateway.simulator.faults import make_fault
from gateway.simulator.model import Refusal, SecurityKey
from gateway.simulator.opend import SimulatedOpenD
from gateway.simulator.pushes import NOTIFY_CONNECTION_STATUS
from gateway.simulator.server import SimulatorServer
from gateway.simulator.system import Logins

_MAX_LINE_BYTES = 64 * 1024
_REMINDER_PRICE_UP = 1
_REMINDER_MARKET_OPEN = 1

_log = logging.getLogger(__name__)

Result = Mapping[str, Any]


class CommandError(Exception):
    """A command that cannot be done; the text says why."""


class Admin:
    """Carries out the commands: the methods below, by their names with dashes, and `listen`."""

    def __init__(self, server: SimulatorServer, simulation: Simulation) -> None:
        self._server = server
        self._market = simulation.market
        self._broker = simulation.broker
        self._journal = simulation.journal
        self._logins = simulation.logins
        self._commands: dict[str, Callable[..., Result]] = {
            "state": self.state,
            "journal": self.journal,
            "fault": self.fault,
            "clear-faults": self.clear_faults,
            "refuse": self.refuse,
            "drop-connections": self.drop_connections,
            "restart": self.restart,
            "advance": self.advance,
            "set-time": self.set_time,
            "tick": self.tick,
            "notify": self.notify,
            "login": self.login,
            "price-reminder": self.price_reminder,
            "reject-next-order": self.reject_next_order,
        }

    async def execute(self, line: bytes) -> Result:
        """The answer to one line."""
        try:
            command = json.loads(line)
            name = command.pop("command")
            if name == "listen":
                await self._server.listen()
                return {"ok": True}
            return {"ok": True, **self._commands[name](**command)}
        except KeyError as error:
            return {"ok": False, "error": f"no such command or field: {error}"}
        except (ValueError, TypeError, AttributeError, CommandError, OSError) as error:
            return {"ok": False, "error": str(error)}
        except Refusal as refusal:
            return {"ok": False, "error": refusal.ret_msg}

    @property
    def _opend(self) -> SimulatedOpenD:
        return self._server.opend

    def state(self) -> Result:
        """What `SimulatedOpenD.snapshot` shows."""
        return self._opend.snapshot()

    def journal(self) -> Result:
        """Every order that was executed."""
        return {"entries": self._journal.entries}

    def fault(self, kind: str, **settings: Any) -> Result:
        """Let a fault come; see `gateway.simulator.faults.make_fault`."""
        self._opend.faults.add(make_fault(kind, **settings))
        return {}

    def clear_faults(self) -> Result:
        """Behave again."""
        self._opend.faults.clear()
        return {}

    def refuse(self) -> Result:
        """Stop listening; the command `listen` ends that."""
        self._server.refuse()
        return {}

    def drop_connections(self) -> Result:
        """Drop every client; each may come back."""
        self._opend.drop_connections()
        return {}

    def restart(self) -> Result:
        """Drop every client and forget sessions, quotas and frequency windows."""
        self._opend.restart()
        return {}

    def advance(self, seconds: float) -> Result:
        """Move a clock that stands still, then tick. Nobody counts as silent for the time skipped."""
        self._manual_clock().advance(seconds)
        self._opend.excuse_silence()
        return self.tick()

    def set_time(self, time: str) -> Result:
        """Set the wall time of a clock that stands still (ISO 8601 with a zone), then tick."""
        moment = datetime.fromisoformat(time)
        if moment.tzinfo is None:
            raise CommandError(f"the time {time} has no zone")
        self._manual_clock().wall = moment.timestamp()
        return self.tick()

    def tick(self) -> Result:
        """Let time take effect now."""
        self._opend.tick()
        return {"wall_s": self._opend.clock.wall_s()}

    def notify(self, quote_logined: bool = True, trade_logined: bool = True) -> Result:
        """Send a Notify about OpenD's own connections to Futu's servers."""
        status = Logins(quote_logined, trade_logined).fields()
        self._opend.pushes.notify({"type": NOTIFY_CONNECTION_STATUS, "connectStatus": status})
        return {}

    def login(self, quote: bool = True, trade: bool = True) -> Result:
        """Log OpenD in to Futu's servers, or out of them; it also sends the Notify about that."""
        self._logins.quote, self._logins.trade = quote, trade
        return self.notify(quote, trade)

    def price_reminder(self, market: int, code: str, note: str = "") -> Result:
        """Send a price reminder for a security at its price now."""
        key = SecurityKey(market, code)
        instrument, quote = self._market.find(key), self._market.quote(key)
        price = float(quote.last)
        change = float((quote.last / quote.previous_close - 1) * 100)
        self._opend.pushes.price_reminder(
            {
                "security": key._asdict(),
                "name": instrument.name,
                "price": price,
                "changeRate": change,
                "marketStatus": _REMINDER_MARKET_OPEN,
                "content": f"{instrument.name} {price}",
                "note": note,
                "key": instrument.stock_id,
                "type": _REMINDER_PRICE_UP,
                "setValue": price,
                "curValue": price,
            }
        )
        return {}

    def reject_next_order(self, reason: str) -> Result:
        """Let the exchange reject the next order that is placed."""
        self._broker.reject_next(reason)
        return {}

    def _manual_clock(self) -> ManualClock:
        clock = self._opend.clock
        if not isinstance(clock, ManualClock):
            raise CommandError("the clock runs by itself; start the simulator with --clock TIME to move it")
        return clock


class ControlChannel:
    """Serves an `Admin` on a loopback port."""

    def __init__(self, admin: Admin) -> None:
        self._admin = admin
        self._listener: asyncio.Server | None = None
        self._conversations: dict[asyncio.Task[None] | None, asyncio.StreamWriter] = {}

    async def listen(self, port: int) -> int:
        """Accept commands; returns the bound port. Raises OSError when it cannot be bound."""
        self._listener = await asyncio.start_server(self._converse, "127.0.0.1", port, limit=_MAX_LINE_BYTES)
        bound_port: int = self._listener.sockets[0].getsockname()[1]
        return bound_port

    async def close(self) -> None:
        """End all conversations."""
        if self._listener is not None:
            self._listener.close()
        conversations = dict(self._conversations)
        for writer in conversations.values():
            writer.close()
        await asyncio.gather(*(task for task in conversations if task), return_exceptions=True)

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._conversations[asyncio.current_task()] = writer
        try:
            while line := await reader.readline():
                answer = await self._admin.execute(line)
                writer.write(json.dumps(answer).encode() + b"\n")
                await writer.drain()
        except (ConnectionError, ValueError) as error:
            _log.warning("a control connection ended: %s", error)
        finally:
            del self._conversations[asyncio.current_task()]
            writer.close()
