"""What the client needs to know: where OpenD is, and its limits."""

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

MEBIBYTE = 1024 * 1024


class Endpoint(NamedTuple):
    """Where an OpenD listens. Prints as `host:port`."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> "Endpoint":
        """From `host:port` or `[IPv6]:port`. Raises ValueError."""
        host, colon, port = text.rpartition(":")
        host = host.removeprefix("[").removesuffix("]") if host.startswith("[") else host
        if not colon or not host or not port.isascii() or not port.isdigit() or not 0 < int(port) < 65536:
            raise ValueError(f"{text!r} is not an address like 127.0.0.1:11111")
        return cls(host, int(port))

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class ClientSettings:
    """The settings of one client, so of one worker. Raises ValueError for what cannot work.

    `endpoints` are tried in order; they must stand for the same login, since the trade lock and
    subscriptions live in each OpenD. `rsa_key` is OpenD's own private key file and turns encryption on.

    `timeout_s` is the time a call has in all: for a place among the `max_in_flight` requests (where up
    to `max_queued` may queue), for a connection (at most `connect_wait_s` of it), and for the reply.
    `connect_timeout_s` bounds one attempt at an endpoint, InitConnect included. A reply over
    `max_body_bytes` ends its connection; the protocol states no cap.
    """

    endpoints: tuple[Endpoint, ...]
    pool_size: int = 2
    max_in_flight: int = 256
    max_queued: int = 256
    timeout_s: float = 10.0
    connect_wait_s: float = 1.0
    connect_timeout_s: float = 5.0
    rsa_key: Path | None = None
    max_body_bytes: int = 64 * MEBIBYTE
    client_id: str = "opend-gateway"

    def __post_init__(self) -> None:
        if not self.endpoints:
            raise ValueError("no OpenD endpoint is given")
        for name in ("pool_size", "max_in_flight", "timeout_s", "connect_timeout_s", "max_body_bytes"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} must be above zero")
        for name in ("max_queued", "connect_wait_s"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} must not be below zero")
