"""The stores under test: real SQLite files, and a real Redis server of our own."""

import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import ConnectionError as RedisConnectionError
from redis import Redis

from gateway.ledger.base import Ledger
from gateway.ledger.redis import RedisLedger
from gateway.ledger.sqlite import SqliteLedger

START_TIMEOUT_S = 20


class RedisServer:
    """A redis-server process on a unix socket, that can be killed and started again on its files."""

    def __init__(self, directory: Path, *options: str) -> None:
        executable = shutil.which("redis-server")
        assert executable, "these tests need redis-server on the PATH"
        self.socket = directory / "redis.sock"
        self.url = f"unix://{self.socket}"
        durable = ("--appendonly", "yes", "--appendfsync", "always")
        self._command = [
            *(executable, "--port", "0", "--unixsocket", str(self.socket), "--dir", str(directory)),
            *("--save", "", *(options or durable)),
        ]
        self.start()

    def start(self) -> None:
        self.process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL)
        give_up = time.monotonic() + START_TIMEOUT_S
        while not self._answers():
            assert self.process.poll() is None, "redis-server ended"
            assert time.monotonic() < give_up, "redis-server does not answer"
            time.sleep(0.02)

    def _answers(self) -> bool:
        with Redis.from_url(self.url) as client:
            try:
                return bool(client.ping())
            except RedisConnectionError:
                return False

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def flush(self) -> None:
        with Redis.from_url(self.url) as client:
            client.flushall()


def short_directory() -> Path:
    """A directory whose sockets fit the 107 bytes that a unix socket's path may have."""
    return Path(tempfile.mkdtemp(prefix="ledger-"))


@pytest.fixture(scope="session")
def shared_redis() -> Iterator[RedisServer]:
    directory = short_directory()
    server = RedisServer(directory)
    yield server
    server.kill()
    shutil.rmtree(directory)


@pytest.fixture
def own_redis() -> Iterator[RedisServer]:
    """A server that the test may kill and stop."""
    directory = short_directory()
    server = RedisServer(directory)
    yield server
    server.kill()
    shutil.rmtree(directory)


@pytest.fixture(params=["sqlite", "redis"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The setting of an empty store; `connect` opens a ledger on it."""
    if request.param == "sqlite":
        return f"sqlite:{tmp_path / 'ledger.db'}"
    server: RedisServer = request.getfixturevalue("shared_redis")
    server.flush()
    return server.url


def connect(setting: str) -> Ledger:
    """What a process of its own would open."""
    scheme, _, rest = setting.partition(":")
    return SqliteLedger(Path(rest)) if scheme == "sqlite" else RedisLedger(setting)


@pytest.fixture
def ledger(store: str) -> Iterator[Ledger]:
    ledger = connect(store)
    yield ledger
    ledger.close()
