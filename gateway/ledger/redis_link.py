"""The connections to a Redis server, and the scripts that run there.

The server has to keep what it is told: `appendonly yes` and a policy that evicts nothing are required
(`appendfsync always` is what makes a reservation survive the loss of power as well).

All keys share one hash tag, so that a cluster keeps them together. Under gevent the client's
sockets are cooperative once the worker has patched them.
"""

from collections.abc import Callable
from importlib.resources import files
from typing import Any

from redis import Redis, RedisError
from redis.backoff import NoBackoff
from redis.commands.core import Script
from redis.connection import BlockingConnectionPool
from redis.retry import Retry

from gateway.ledger.base import LedgerUnavailable

PREFIX = "{gateway}:"

GENERATION = PREFIX + "generation"
"""The hash of all generations."""

STALL_TIMEOUT_S = 0.4
"""For each wait of a step on the server: connecting, greeting, its script, its text: below 2 s."""

MAX_CONNECTIONS = 16

QUEUE_TIMEOUT_S = 2.0
"""For a free connection. In a burst it passes while this process is busy, and the server is well."""


class RedisLink:
    """A pool of connections to the server of a URL, made by the first question."""

    def __init__(self, url: str) -> None:
        pool = BlockingConnectionPool.from_url(
            url,
            max_connections=MAX_CONNECTIONS,
            timeout=QUEUE_TIMEOUT_S,
            socket_timeout=STALL_TIMEOUT_S,
            socket_connect_timeout=STALL_TIMEOUT_S,
            retry=Retry(NoBackoff(), 0),
            retry_on_error=[],
            driver_info=None,
        )
        self.client: Redis = Redis(connection_pool=pool)
        self._is_durable = False

    def script(self, *names: str) -> Script:
        """The script of these files in `lua/`, one after the other."""
        directory = files("gateway.ledger").joinpath("lua")
        sources = [directory.joinpath(f"{name}.lua").read_text(encoding="utf-8") for name in names]
        return self.client.register_script("\n".join(sources))

    def ask(self, question: Callable[[], Any]) -> Any:
        """What `question`, which uses the client, answers. Raises LedgerUnavailable."""
        try:
            self._require_durable()
            return question()
        except (RedisError, OSError) as error:
            raise LedgerUnavailable(f"the ledger in Redis failed: {error}") from error

    def close(self) -> None:
        """Let go of all connections; the next question makes new ones."""
        self.client.connection_pool.disconnect()
        self._is_durable = False

    def _require_durable(self) -> None:
        if self._is_durable:
            return
        settings: dict[str, Any] = {**self._info("persistence"), **self._info("memory")}
        if not settings["aof_enabled"]:
            raise LedgerUnavailable("the ledger in Redis would not survive a restart: set appendonly yes")
        if settings["maxmemory"] and settings["maxmemory_policy"] != "noeviction":
            raise LedgerUnavailable("the ledger in Redis could be evicted: set maxmemory-policy noeviction")
        self._is_durable = True

    def _info(self, section: str) -> dict[str, Any]:
        return dict(self.client.info(section))
