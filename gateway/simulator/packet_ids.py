"""The replay protection of trade writes: `PacketID` names the connection and a growing serial."""

from typing import Any

from gateway.simulator.model import Refusal


class PacketIdGuard:
    """Accepts each packet id of one connection once.

    The documentation says that a request whose serial number does not grow is "ignored", and nothing
    of how OpenD answers. Here it is refused aloud and never executed: a client that repeats a serial
    has a defect, and silence would hide it.
    """

    def __init__(self, conn_id: int) -> None:
        self._conn_id = conn_id
        self._last_serial_no: int | None = None

    def accept(self, packet_id: Any) -> None:
        """Use up a `Common.PacketID`. Raises `Refusal` for a foreign or a stale one."""
        if packet_id.connID != self._conn_id:
            raise Refusal(
                f"packetID.connID {packet_id.connID} is not the id of this connection, {self._conn_id}"
            )
        if self._last_serial_no is not None and packet_id.serialNo <= self._last_serial_no:
            raise Refusal(
                f"packetID.serialNo must grow: {packet_id.serialNo} came after {self._last_serial_no}"
            )
        self._last_serial_no = packet_id.serialNo
