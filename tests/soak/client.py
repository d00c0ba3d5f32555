"""A client of the gateway on a kept connection through nginx, and the record of what it was told."""

import json
import select
import ssl
import time
from dataclasses import dataclass
from enum import StrEnum
from http.client import HTTPException, HTTPSConnection
from itertools import count
from typing import Any

from soak.stage import Stage
from three_records import Told

ANSWER_LIMIT_S = 30.0

_numbers = count(1)


class Kind(StrEnum):
    """What a request is about."""

    PLACE = "place"
    CHANGE = "change"
    CANCEL = "cancel"
    READ = "read"
    FOREIGN = "foreign"
    """A look at what belongs to another key."""
    HEALTH = "health"


@dataclass(frozen=True, kw_only=True)
class Ask(Told):
    """A request of one key. `name` is its `Idempotency-Key`."""

    key_id: str
    kind: Kind
    name: str | None = None

    @property
    def is_refused(self) -> bool:
        """Whether the caller may rely on it that nothing was traded."""
        return self.status not in (None, 200) and not self.may_have_sent

    @property
    def order_id(self) -> int:
        """The order that an accepted one became."""
        return int(self.answer["s2c"]["order_id"])

    @property
    def error(self) -> str:
        """The sentence of a refusal; empty where there was none."""
        return str(self.answer.get("error", "")) if isinstance(self.answer, dict) else ""


class Client:
    """One client with one key, from a loopback address of its own. What it was told is put into `told`."""

    def __init__(self, stage: Stage, key_id: str, told: list[Ask]) -> None:
        self.key_id = key_id
        self._stage = stage
        self._told = told
        number = next(_numbers)
        self._source = f"127.0.{1 + number // 250}.{1 + number % 250}"
        self._label = f"soak-{number}"
        self._count = 0
        self._connection: HTTPSConnection | None = None

    def post(
        self, kind: Kind, path: str, body: dict[str, Any], name: str | None = None, **headers: str
    ) -> Ask:
        """Send a body, under a name if it has one."""
        named = {"Idempotency-Key": name} if name else {}
        return self._ask(kind, "POST", path, body, name, {**named, **headers})

    def get(self, kind: Kind, path: str) -> Ask:
        """Read something."""
        return self._ask(kind, "GET", path, None, None, {})

    def close(self) -> None:
        """Let go of the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _ask(
        self,
        kind: Kind,
        method: str,
        path: str,
        body: dict[str, Any] | None,
        name: str | None,
        headers: dict[str, str],
    ) -> Ask:
        self._count += 1
        request_id = f"{self._label}-{self._count}"
        sent = {
            "Authorization": f"Bearer {self._stage.tokens[self.key_id]}",
            "X-Request-Id": request_id,
            **({"Content-Type": "application/json"} if body is not None else {}),
            **headers,
        }
        sent_s = time.time()
        try:
            status, got, answer = self._exchange(method, path, body, sent)
        except (HTTPException, OSError) as error:
            self.close()
            status, got, answer = None, {}, {"error": f"no answer: {error!r}"}
        ask = Ask(
            request_id,
            body or {"path": path},
            sent_s,
            time.time(),
            status,
            got,
            answer,
            key_id=self.key_id,
            kind=kind,
            name=name,
        )
        self._told.append(ask)
        return ask

    def _exchange(
        self, method: str, path: str, body: dict[str, Any] | None, headers: dict[str, str]
    ) -> tuple[int, dict[str, str], Any]:
        if self._connection is not None and _has_ended(self._connection):
            self.close()
        if self._connection is None:
            self._connection = connect(self._stage.trust, self._stage.nginx.port, self._source)
        self._connection.request(method, path, None if body is None else json.dumps(body), headers)
        response = self._connection.getresponse()
        read = response.read()
        return response.status, dict(response.getheaders()), json.loads(read)


def _has_ended(connection: HTTPSConnection) -> bool:
    """Whether a connection that nothing is asked on is over: then there is something to read, its end.

    nginx ends idle ones at a reload, and any client that keeps connections has to look.
    """
    return connection.sock is None or bool(select.select([connection.sock], [], [], 0)[0])


def connect(trust: ssl.SSLContext, port: int, source: str) -> HTTPSConnection:
    """A connection to nginx from a loopback address."""
    return HTTPSConnection(
        "localhost",
        port,
        timeout=ANSWER_LIMIT_S,
        context=trust,
        source_address=(source, 0),
    )
