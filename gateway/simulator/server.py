"""The simulated OpenD on a TCP port, and its control channel beside it. One thread, one event loop."""

import asyncio
import logging
from collections.abc import Callable

from gateway.simulator.opend import SimulatedOpenD
from gateway.simulator.session import Session

TICK_S = 0.2
MAX_WAITING_OUT_BYTES = 4 * 1024 * 1024
"""A client that leaves so much unread is dropped: pushes must not pile up without a bound."""

_log = logging.getLogger(__name__)


class ClientConnection(asyncio.Protocol):
    """One accepted socket: carries bytes between it and its session."""

    def __init__(self, opend: SimulatedOpenD) -> None:
        self._opend = opend
        self._session: Session | None = None
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Open a session, unless the simulated OpenD turns the client away."""
        if not isinstance(transport, asyncio.Transport):
            raise TypeError(f"a stream transport is needed, not {transport!r}")
        self._transport = transport
        self._session = self._opend.connect(self)

    def data_received(self, data: bytes) -> None:
        """Hand bytes to the session."""
        if self._session:
            self._opend.receive(self._session, data)
            self._answer()

    def connection_lost(self, exc: Exception | None) -> None:
        """Close the session."""
        if self._session:
            self._opend.disconnect(self._session)

    def write(self, data: bytes, delay_s: float = 0.0) -> None:
        """Send, now or later; a client that does not read is dropped."""
        if delay_s:
            asyncio.get_running_loop().call_later(delay_s, self.write, data)
            return
        transport = self._open_transport()
        if transport is None:
            return
        transport.write(data)
        if self._session and transport.get_write_buffer_size() > MAX_WAITING_OUT_BYTES:
            _log.warning("connection %d reads too slowly and is dropped", self._session.conn_id)
            self._session.drop()

    def close(self) -> None:
        """Close after what was written."""
        if transport := self._open_transport():
            transport.close()

    def abort(self) -> None:
        """Drop the connection and what is not yet sent."""
        if transport := self._open_transport():
            transport.abort()

    def _answer(self) -> None:
        """Answer a few requests in a turn of the loop, so that one busy client does not starve the others."""
        transport = self._open_transport()
        if transport is None or self._session is None:
            return
        if self._opend.answer(self._session):
            transport.pause_reading()
            asyncio.get_running_loop().call_soon(self._answer)
        else:
            transport.resume_reading()

    def _open_transport(self) -> asyncio.Transport | None:
        if self._transport is None or self._transport.is_closing():
            return None
        return self._transport


class SimulatorServer:
    """Listens, ticks, and can stop listening for a while as an OpenD that is not there."""

    def __init__(self, opend: SimulatedOpenD, host: str, port: int) -> None:
        self.opend = opend
        self._host = host
        self._port = port
        self._listener: asyncio.Server | None = None
        self._ticker: asyncio.TimerHandle | None = None

    @property
    def port(self) -> int:
        """The bound port, known from the first `listen` on."""
        return self._port

    async def start(self) -> None:
        """Begin to listen and to tick. Raises OSError when the port cannot be bound."""
        await self.listen()
        self._tick()

    async def listen(self) -> None:
        """Accept clients, on the same port as before."""
        if self._listener is not None:
            return
        loop = asyncio.get_running_loop()
        self._listener = await loop.create_server(
            lambda: ClientConnection(self.opend), self._host, self._port, backlog=256
        )
        self._port = self._listener.sockets[0].getsockname()[1]

    def refuse(self) -> None:
        """Let new clients find nobody on the port. Those that are connected stay."""
        if self._listener is not None:
            self._listener.close()
            self._listener = None

    def stop(self) -> None:
        """Stop ticking and listening, and drop every client."""
        if self._ticker is not None:
            self._ticker.cancel()
        self.refuse()
        self.opend.drop_connections()

    def _tick(self) -> None:
        run_logged(self.opend.tick)
        self._ticker = asyncio.get_running_loop().call_later(TICK_S, self._tick)


def run_logged(action: Callable[[], None]) -> None:
    """Run a step of the simulation; a failure is logged and does not stop the next one."""
    try:
        action()
    except Exception:  # noqa: BLE001 - the clients that are connected must go on being served
        _log.exception("a step of the simulation failed")
