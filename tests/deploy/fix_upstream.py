"""A small HTTP server in the gateway's place: it notes what reaches it, and answers what a test wants."""

import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.client import parse_headers
from io import BufferedReader

import pytest

READ_LIMIT_S = 30.0
SWITCHED = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"


@dataclass(frozen=True)
class Request:
    """One request as it arrived. `connection` counts the server's connections."""

    method: str
    target: str
    headers: list[tuple[str, str]]
    body: bytes
    connection: int

    def all(self, name: str) -> list[str]:
        """The values of a header, in order."""
        return [value for key, value in self.headers if key.lower() == name.lower()]


Answer = Callable[[Request], bytes | None]


def reply(status: str, body: bytes = b"{}", *headers: str) -> bytes:
    """A whole answer."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Content-Type: application/json", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + body


def fine(request: Request) -> bytes:
    """The answer to everything, unless a test wants another."""
    return reply("200 OK")


class Upstream:
    """Listens until `close`. An `answer` of None closes the connection; `SWITCHED` makes it an echo."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.answer: Answer = fine
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port: int = self._listener.getsockname()[1]
        self._open: list[socket.socket] = []
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self._open.append(connection)
            threading.Thread(target=self._serve, args=(connection, len(self._open)), daemon=True).start()

    def _serve(self, connection: socket.socket, number: int) -> None:
        connection.settimeout(READ_LIMIT_S)
        try:
            with connection, connection.makefile("rb") as received:
                while request := read_request(received, number):
                    self.requests.append(request)
                    answer = self.answer(request)
                    if answer is None:
                        return
                    connection.sendall(answer)
                    while answer == SWITCHED and (data := received.read1(65536)):
                        connection.sendall(data)
        except OSError:
            return

    def close(self) -> None:
        """End all connections."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(READ_LIMIT_S)
        for connection in self._open:
            if connection.fileno() >= 0:
                connection.shutdown(socket.SHUT_RDWR)


def read_request(received: BufferedReader, number: int) -> Request | None:
    """The next request with its body; None where there is none."""
    line = received.readline().decode().split()
    if not line:
        return None
    headers = parse_headers(received)
    body = received.read(int(headers.get("Content-Length", 0)))
    return Request(line[0], line[1], headers.items(), body, number)


@pytest.fixture(scope="module")
def start_upstream() -> Iterator[Callable[[], Upstream]]:
    """Starts servers; all end with the module."""
    started: list[Upstream] = []

    def start() -> Upstream:
        started.append(Upstream())
        return started[-1]

    yield start
    for upstream in started:
        upstream.close()
