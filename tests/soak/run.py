"""One run of the proof: the stage is opened, played on and harmed, and then everything is judged."""

import shutil
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from fix_gateway import wait_until
from soak.actor import Actor, Scene, end
from soak.client import Client, Kind
from soak.evidence import Evidence, gather
from soak.harm import Lane
from soak.harmer import Done, Harmer, plan
from soak.key import READER, TRADERS
from soak.listener import Listener, SocketLog
from soak.prober import probers
from soak.promise import PROMISES, RESOLVED_WITHIN_S, Verdict
from soak.stage import Size, Stage
from soak.trader import Sweeper, Trader, traders

PASSWORD_MD5 = "e10adc3949ba59abbe56e057f20f883e"
WARM_ORDERS = 60
WARM_LIMIT_S = 60.0
CALM_S = 5.0
SETTLE_S = 5.0
SOCKETS_EACH = 2
WATCHED = {"HK": "HK.00700", "US": "US.AAPL"}
EVENT_LIMIT_S = 5.0


@dataclass(frozen=True)
class Report:
    """What a run was, what was done to it, and how each promise fared."""

    seed: int
    store: str
    orders: int
    seconds: float
    evidence: Evidence
    verdicts: dict[str, Verdict]

    @property
    def is_good(self) -> bool:
        """Whether no promise was broken."""
        return not any(verdict.breaches for verdict in self.verdicts.values())


def soak(
    seed: int,
    store: str,
    orders: int,
    *,
    clients: int = 4,
    only: frozenset[str] | None = None,
    say: Callable[[str], None] = print,
) -> Report:
    """Play until so many orders were accepted and every planned harm is done; then judge.

    `only` names the harms, if not all. `say` is told of the progress.
    """
    directory = Path(tempfile.mkdtemp(prefix=f"soak-{store}-{seed}-"))
    began_s = time.monotonic()
    stage = Stage(directory, store)
    try:
        stage.open()
        evidence = _play(stage, seed, orders, clients, only, say)
    finally:
        stage.close()
    verdicts = {name: judge(evidence) for name, judge in PROMISES.items()}
    report = Report(seed, store, orders, time.monotonic() - began_s, evidence, verdicts)
    if report.is_good:
        shutil.rmtree(directory)
    else:
        say(f"logs and records are kept in {directory}")
    return report


def _play(
    stage: Stage,
    seed: int,
    orders: int,
    clients: int,
    only: frozenset[str] | None,
    say: Callable[[str], None],
) -> Evidence:
    scene = Scene(stage, str(seed))
    _unlock(scene)
    warm = Scene(stage, f"{seed}-warm", told=scene.told, sockets=scene.sockets, defects=scene.defects)
    with _playing(warm, clients):
        wait_until(lambda: warm.placed >= WARM_ORDERS, WARM_LIMIT_S)
    before = _settled_size(stage)
    say(f"it is warm: {before}")
    with _playing(scene, clients):
        done = _harm(scene, orders, only, say)
        calm_s = time.time()
        time.sleep(CALM_S)
        finals = _try_everything(scene)
        _wait_resolved(stage)
        say(f"{scene.placed} orders were accepted; it has been calm for {time.time() - calm_s:.0f} s")
    after = _settled_size(stage)
    finals += [("every thread of the proof goes on", defect) for defect in scene.defects]
    return gather(
        stage,
        scene.told,
        sockets=scene.sockets,
        done=done,
        before=before,
        after=after,
        finals=finals,
    )


def _unlock(scene: Scene) -> None:
    """Let real orders pass, of which the simulator has its play money."""
    client = Client(scene.stage, next(iter(TRADERS)), scene.told)
    body = {"unlock": True, "pwd_md5": PASSWORD_MD5, "security_firm": 1}
    assert client.post(Kind.READ, "/api/unlock-trade", body).status == 200
    client.close()


@contextmanager
def _playing(scene: Scene, clients: int) -> Iterator[None]:
    """All clients, from their begin to their end; then nothing rests in the market any more."""
    actors: list[Actor] = [*traders(scene, clients), *probers(scene)]
    listeners = [*_listeners(scene)]
    for thread in (*listeners, *actors):
        thread.start()
    try:
        yield
    finally:
        end(scene, actors)
        for key_id in TRADERS:
            sweeper = Sweeper(scene, key_id)
            sweeper.sweep(0)
            sweeper.leave()
        time.sleep(0.5)
        for listener in listeners:
            listener.stop()
        for listener in listeners:
            listener.join(20)


def _listeners(scene: Scene) -> Iterator[Listener]:
    for key_id, ground in TRADERS.items():
        for _ in range(SOCKETS_EACH):
            yield _listener(scene, key_id, ground.acc_id, WATCHED[ground.market])
    yield _listener(scene, READER, None, "HK.00001")


def _listener(scene: Scene, key_id: str, acc_id: int | None, security: str) -> Listener:
    return Listener(scene.stage, key_id, acc_id, security, scene.sockets, scene.defects)


def _harm(scene: Scene, orders: int, only: frozenset[str] | None, say: Callable[[str], None]) -> list[Done]:
    """Do all harms while the orders come."""
    harmers = [
        Harmer(scene, lane, plan(lane, scene.seed, orders, scene.stage.store, only), orders) for lane in Lane
    ]
    began_s = said_s = time.monotonic()
    for harmer in harmers:
        harmer.start()
    while scene.placed < orders or any(harmer.is_alive() for harmer in harmers):
        scene.planned = round(orders * min(harmer.share_done for harmer in harmers))
        time.sleep(0.2)
        status = scene.stage.gateway.process.poll()
        if status is not None:
            raise RuntimeError(f"the gateway has ended, with {status}: {scene.stage.gateway.log[-2000:]}")
        if time.monotonic() - said_s >= 20:
            said_s = time.monotonic()
            count = sum(len(harmer.done) for harmer in harmers)
            say(f"after {said_s - began_s:.0f} s: {scene.placed} orders, {count} harms")
    scene.planned = None
    return [done for harmer in harmers for done in harmer.done]


def _try_everything(scene: Scene) -> list[tuple[str, str]]:
    """What has to work now: each try with what was wrong, which is nothing where it worked."""
    results = []
    for key_id in TRADERS:
        trader = Trader(scene, key_id, 99)
        ask = trader.place(price=trader.resting_price())
        results.append((f"{key_id} orders", "" if ask.status == 200 else f"{ask.status} {ask.answer}"))
        if ask.status == 200:
            body = {"header": trader.ground.header, "order_id": ask.order_id, "modify_order_op": "CANCEL"}
            cancel = trader.client.post(Kind.CANCEL, "/api/modify-order", body)
            is_good = cancel.status == 200
            results.append((f"{key_id} cancels", "" if is_good else f"{cancel.status} {cancel.answer}"))
        read = trader.client.post(Kind.READ, "/api/positions", {"header": trader.ground.header})
        results.append((f"{key_id} reads", "" if read.status == 200 else f"{read.status} {read.answer}"))
        trader.leave()
    response, body = scene.stage.gateway.request("GET", "/ready")
    results.append(("/ready", "" if response.status == 200 else str(body)))
    return [*results, *_try_sockets(scene)]


def _try_sockets(scene: Scene) -> Iterator[tuple[str, str]]:
    """Every key has sockets that hear of their account: there is traffic in all of them."""
    for key_id in TRADERS:
        yield f"{key_id} hears of its orders", "" if _hears(scene, key_id) else "no socket heard anything"


def _hears(scene: Scene, key_id: str) -> bool:
    since_s = time.time()
    while time.time() < since_s + EVENT_LIMIT_S:
        if any(_heard_since(log, since_s) for log in scene.sockets if log.key_id == key_id):
            return True
        time.sleep(0.1)
    return False


def _heard_since(log: SocketLog, since_s: float) -> bool:
    return bool(log.trades) and log.trades[-1].received_s >= since_s


def _wait_resolved(stage: Stage) -> None:
    """Give what is unknown the time that is promised; what is open then is found by the judge."""
    with stage.ledger() as ledger:
        deadline_s = time.monotonic() + RESOLVED_WITHIN_S + 5
        while ledger.open_intents() and time.monotonic() < deadline_s:
            time.sleep(0.2)


def _settled_size(stage: Stage) -> Size:
    """What it takes once nobody uses it: the smallest of what was seen for a while.

    nginx keeps connections that it does not need any more; at a reload it lets go of them.
    """
    stage.nginx.process.send_signal(signal.SIGHUP)
    deadline_s = time.monotonic() + SETTLE_S
    size = stage.size()
    while time.monotonic() < deadline_s:
        time.sleep(1)
        size = min(size, stage.size(), key=lambda each: (each.files, each.greenlets))
    return size
