"""Listeners on socket pairs: the hub's side is the gateway's, the other one a client's."""

from collections import Counter
from dataclasses import dataclass, field

import gevent
from fix_frame import split
from gevent import socket

from gateway.claim import AccountClaim, Claim, Holder, Options, Subscription
from gateway.clock import Clock, SystemClock
from gateway.feed.audience import Filter, Listener
from gateway.feed.event import Format
from gateway.feed.hub import Hub
from gateway.feed.message import Message, MessageType
from gateway.feed.peer import Peer
from gateway.policy.model import Principal
from gateway.schema.codec import Codec, Numbering
from gateway.schema.protocols import PROTOCOLS
from gateway.scope import Scope

EVERYTHING = frozenset(Scope)

GREETING = Message(MessageType.NOTIFY, {"event": "opened"})

OPENED: list[socket.socket] = []
"""The sockets of this module that are open; `close_sockets` closes them."""


def close_sockets():
    while OPENED:
        OPENED.pop().close()


@dataclass
class Client:
    """A client of the hub. What it may do is `principal`, which the hub asks for again and again."""

    hub: Hub
    listener: Listener
    socket: socket.socket
    principal: Principal | None
    data: bytearray = field(default_factory=bytearray)

    def read(self, is_enough, limit_s=5.0):
        """Read until what came so far is enough, or the stream ends; all whole frames so far."""
        with gevent.Timeout(limit_s):
            while not is_enough(self.frames()):
                more = self.socket.recv(65536)
                if not more:
                    break
                self.data += more
        return self.frames()

    def frames(self):
        return split(bytes(self.data))[0]


def make_client(
    hub, key_id="a", socket_id="s1", *, clock: Clock | None = None, scopes=EVERYTHING, accounts=None, **chosen
):
    """A client that has joined; `chosen` are the filter's fields, and `format`."""
    ours, theirs = socket.socketpair()
    OPENED.extend((ours, theirs))
    principal = Principal(key_id=key_id, scopes=scopes, allowed_acc_ids=accounts)
    wanted = chosen.pop("format", Format())
    listener = Listener(
        peer=Peer(ours, clock or SystemClock(), hub.counters.sent),
        holder=Holder(key_id, socket_id),
        principal=principal,
        find_principal=lambda: client.principal,
        format=wanted,
        filter=Filter(**chosen),
    )
    client = Client(hub, listener, theirs, principal)
    hub.join(listener, GREETING)
    return client


def reader(key_id, scopes=frozenset({Scope.QUOTE_READ})):
    """A principal that may read quotes, and nothing else unless told."""
    return Principal(key_id=key_id, scopes=scopes)


def make_hub(clock: Clock | None = None) -> Hub:
    return Hub(Codec(Numbering.DOCUMENTED), clock or SystemClock())


def detached(key_id="a", socket_id="s1", *, scopes=EVERYTHING, accounts=None, **chosen) -> Listener:
    """A listener for tests of who gets what; its socket is never used."""
    unused = socket.socket(socket.AF_UNIX)
    unused.close()
    principal = Principal(key_id=key_id, scopes=scopes, allowed_acc_ids=accounts)
    return Listener(
        peer=Peer(unused, SystemClock(), Counter()),
        holder=Holder(key_id, socket_id),
        principal=principal,
        find_principal=lambda: principal,
        format=chosen.pop("format", Format()),
        filter=Filter(**chosen),
    )


def claim(key_id, code, sub_type=1, socket_id="", *, market=1, is_pushed=True, rehab_types=()):
    options = Options(is_pushed=is_pushed, rehab_types=frozenset(rehab_types))
    return Claim(
        holder=Holder(key_id, socket_id), subscription=Subscription(market, code, sub_type), options=options
    )


def account_claim(key_id, acc_id, socket_id=""):
    return AccountClaim(holder=Holder(key_id, socket_id), acc_id=acc_id)


def push(proto_id, **s2c):
    return PROTOCOLS[proto_id].response(retType=0, s2c=s2c).SerializeToString()


def rt_push(code, market=1, name=None):
    named = {} if name is None else {"name": name}
    return push(3009, security={"market": market, "code": code}, rtList=[], **named)
