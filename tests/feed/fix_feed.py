"""Workers without a gateway: each with a connection to one OpenD that keeps the simulator's rules."""

from types import SimpleNamespace

import pytest
from scripted_client import ScriptedClient

from gateway.claim import Holder
from gateway.clock import ManualClock
from gateway.feed.alignment import Alignment
from gateway.feed.following import Following, KeysInForce
from gateway.feed.subscriptions import Subscriptions
from gateway.ledger.sqlite import SqliteLedger
from gateway.opend.errors import answer_error
from gateway.opend.shared import SharedReads
from gateway.schema.protocols import protocol_named
from gateway.simulator.model import Call, Refusal
from gateway.simulator.subscription_handlers import REAL_TIME_READS, SubscriptionGuard, SubscriptionHandlers
from gateway.simulator.subscriptions import Quota
from gateway.simulator.subscriptions import Subscriptions as Rules

TIMEOUT_S = 10.0
BASIC, ORDER_BOOK, TICKER, KL_DAY = 1, 2, 4, 6
TENCENT = {"market": 1, "code": "00700"}
CHEUNG_KONG = {"market": 1, "code": "00001"}
APPLE = {"market": 11, "code": "AAPL"}
UNKNOWN = {"market": 1, "code": "99999"}
SUBSCRIBE = protocol_named("Qot_Sub")
PUSH_ACCOUNTS = protocol_named("Trd_SubAccPush")
QUOTE = protocol_named("Qot_GetBasicQot")
START_S = 1_700_000_000.0
KEYS = frozenset({"a", "b"})
A, B = Holder("a"), Holder("b")


def sub(*securities, types=(BASIC,), on=True, **options):
    """A `Qot_Sub` request."""
    return SUBSCRIBE.request(
        c2s={"securityList": securities, "subTypeList": types, "isSubOrUnSub": on, **options}
    )


def accounts(*acc_ids):
    """A `Trd_SubAccPush` request."""
    return PUSH_ACCOUNTS.request(c2s={"accIDList": acc_ids})


def quote(*securities):
    """A `Qot_GetBasicQot` request."""
    return QUOTE.request(c2s={"securityList": securities})


class RuledOpenD:
    """The simulator's rules of subscriptions, for the connections of all clients."""

    def __init__(self, clock, quota):
        self.clock = clock
        self.unknown = {"99999"}
        self.first_pushes = []
        self.rules = Rules(self._find, Quota(quota))
        self.handlers = SubscriptionHandlers(
            self.rules, lambda conn_id, targets: self.first_pushes.extend(targets)
        ).table()
        self.guard = SubscriptionGuard(self.rules, self._find)

    def _find(self, security):
        if security.code in self.unknown:
            raise Refusal("未知股票")
        return SimpleNamespace(security_type=None, owner=None)

    def answer(self, protocol, request, conn_id):
        """The fields of a Response."""
        call = Call(protocol.proto_id, request.c2s, SimpleNamespace(conn_id=conn_id), self.clock)
        try:
            if protocol.proto_id in REAL_TIME_READS:
                self.guard.check(call)
            return dict(self.handlers[protocol.proto_id](call)) if protocol.proto_id in self.handlers else {}
        except Refusal as refusal:
            raise answer_error(refusal.ret_type, refusal.ret_msg) from refusal


class RuledClient(ScriptedClient):
    """A client whose connection OpenD treats by its rules; what is scripted comes in their place."""

    def __init__(self, opend, conn_id):
        super().__init__()
        self._opend = opend
        self._conn_id = conn_id
        self.seeks = 0
        opend.rules.connect(conn_id)

    def call(self, protocol, request, *, kind, pinned=False, timeout_s=None, deadline_s=None):
        is_scripted = bool(self._outcomes[protocol.name])
        response = super().call(protocol, request, kind=kind)
        if is_scripted:
            return response
        return protocol.response(
            retType=0, retMsg="", errCode=0, s2c=self._opend.answer(protocol, request, self._conn_id)
        )

    def wait_ready(self, timeout_s):
        self.seeks += 1
        return False

    def lose_session(self):
        """Another session begins, of which OpenD knows nothing."""
        self._opend.rules.disconnect(self._conn_id)
        self._opend.rules.connect(self._conn_id)

    @property
    def held(self):
        """What OpenD has subscribed for it, as (code, sub type)."""
        return {
            (each.security.code, each.sub_type.value)
            for each in self._opend.rules.of_connection(self._conn_id)
        }

    @property
    def pushed(self):
        """What OpenD pushes to it, as (code, sub type, rehab type)."""
        return {
            (target.subscription.security.code, target.subscription.sub_type.value, target.rehab_type)
            for target in self._opend.rules.push_targets(self._conn_id)
        }

    def lists(self, name="Qot_Sub"):
        """The codes of each request of a protocol so far."""
        return [
            [security.code for security in call.c2s.securityList] for call in self.calls if call.name == name
        ]


class Worker:
    """One worker's part, which takes a step when it is told to."""

    def __init__(self, client, ledger, clock, keys, *, auto_subscribe=True, lease=None):
        self.opend = client
        self.alignment = Alignment(client, clock, timeout_s=TIMEOUT_S)
        self.following = Following(ledger, clock, self.alignment, lambda: keys.now, lease)
        self.subscriptions = Subscriptions(
            client,
            ledger,
            clock,
            self.following,
            SharedReads(client, clock, TIMEOUT_S),
            auto_subscribe=auto_subscribe,
            auto_subscribe_ttl_s=86400,
        )
        self.alignment.begin_session()

    def subscribe(self, *arguments, key="a", ttl_s=None, **more):
        """A `Qot_Sub` of a key, as `sub` takes it."""
        return self.subscriptions.change(key, SUBSCRIBE, sub(*arguments, **more), ttl_s)

    def push_accounts(self, *acc_ids, key="a"):
        """A `Trd_SubAccPush` of a key."""
        return self.subscriptions.change(key, PUSH_ACCOUNTS, accounts(*acc_ids))

    def read(self, *securities, key="a", sub_types=()):
        """A read of quotes."""
        return self.subscriptions.read(key, QUOTE, quote(*securities), sub_types).answer

    def follow(self):
        """What the background does."""
        self.following.look()
        self.alignment.align()

    def lose_session(self):
        """The pinned connection is lost, and another one made."""
        self.opend.lose_session()
        self.alignment.begin_session()


@pytest.fixture
def clock():
    return ManualClock(wall=START_S, monotonic=1000.0)


@pytest.fixture
def ledger(tmp_path, clock):
    ledger = SqliteLedger(tmp_path / "ledger.db", clock)
    yield ledger
    ledger.close()


@pytest.fixture
def keys():
    """Which keys are in force; `keys.now` can be set."""
    return SimpleNamespace(now=KeysInForce(KEYS))


@pytest.fixture
def quota():
    """How many subscriptions OpenD allows."""
    return 1000


@pytest.fixture
def opend(clock, quota):
    """The one OpenD of all workers."""
    return RuledOpenD(clock, quota)


@pytest.fixture
def worker_with(opend, ledger, clock, keys):
    """Makes further workers of the same gateway."""
    made = []

    def make(**settings):
        made.append(Worker(RuledClient(opend, len(made)), ledger, clock, keys, **settings))
        return made[-1]

    return make


@pytest.fixture
def worker(worker_with):
    return worker_with()


@pytest.fixture
def other(worker, worker_with):
    """Another worker of the same gateway."""
    return worker_with()
