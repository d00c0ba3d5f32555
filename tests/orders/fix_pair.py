"""Two gateways on one Redis, each with its own audit, and the real nginx in front of them."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from fix_floor import Floor, Told
from fix_gateway import wait_until
from fix_nginx import NginxProcess

StartNginx = Callable[..., NginxProcess]


class Pair(Floor):
    """A floor whose callers come through nginx, which gives each gateway its turn."""

    def open_with(self, start_nginx: StartNginx, words: str = "") -> "Pair":
        """Start it all; `words` are nginx's on each gateway."""
        self.open()
        other_audit_file = self.directory / "other-audit.jsonl"
        self.other = self.start_process(self._workers, other_audit_file)
        self._parts.callback(self._stop_other)
        self.audit_files.append(other_audit_file)
        self._start_nginx, self._words = start_nginx, words
        self.put_nginx()
        # First of all, since a gateway that ends waits for the connections that nginx keeps to it.
        self._parts.callback(lambda: self.nginx.stop())
        self.wait_other()
        return self

    def put_nginx(self, changes: dict[str, str] | None = None) -> None:
        """Start nginx, with changes of its files, in place of the one that runs."""
        if self.front is not self.gateway:
            self.nginx.stop()
        servers = [f"{gateway.port} {self._words}" for gateway in (self.gateway, self.other)]
        self.nginx = self.front = self._start_nginx(servers, changes)

    def _stop_other(self) -> None:
        if self.other.process.poll() is None:
            self.other.stop()

    def wait_other(self) -> None:
        """Wait until each gateway has answered a question that needs OpenD."""
        served: set[str] = set()

        def both_serve() -> bool:
            status, headers, _ = self.request("GET", "/api/global-state", key=next(iter(self.tokens)))
            line = self.nginx.line_of(headers["X-Request-Id"])
            if status == 200:
                served.add(line["upstream"])
            return len(served) == 2

        wait_until(both_serve)

    def servers_of(self, told: list[Told]) -> set[str]:
        """The addresses of the gateways that these orders went to."""
        return {self.nginx.line_of(each.request_id)["upstream"] for each in told}


@pytest.fixture(scope="module")
def open_pair(
    tmp_path_factory: pytest.TempPathFactory, start_nginx: StartNginx
) -> Iterator[Callable[..., Pair]]:
    """Opens pairs: `open_pair(keys, ...)`, with what `Pair.open_with` takes; all close with the module."""
    opened: list[Pair] = []

    def open_one(keys: dict[str, dict[str, Any]], **options: Any) -> Pair:
        opened.append(Pair(tmp_path_factory.mktemp("pair"), keys, store="redis", workers=1))
        return opened[-1].open_with(start_nginx, **options)

    yield open_one
    for pair in opened:
        pair.close()
