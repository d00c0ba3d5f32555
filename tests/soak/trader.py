"""Clients that trade: they place, change, cancel and read, with and without names for their requests."""

import time
from collections.abc import Callable
from random import Random

from soak.actor import Actor, Scene
from soak.client import Ask, Client, Kind
from soak.key import CAPPED, TRADERS, Ground, ground_of

PAUSE_S = 0.05
SLOW_PAUSE_S = 2.0
AHEAD = 50
"""So many orders may be accepted before the harms have come as far."""

FOLLOW_AFTER_S = 1.5
FOLLOW_TIMES = 6
TICKS = 40
"""So many prices an order may rest at; a change takes one of as many above them."""

SWEEP_INTERVAL_S = 3.0
FORGOTTEN_AFTER_S = 6.0
OPEN_STATUSES = [1, 2, 5, 10]
READS = ("/api/funds", "/api/positions", "/api/order-fills")


class Trader(Actor):
    """Orders rest and are cancelled, some are changed first, some trade; what is lost is looked for."""

    def __init__(self, scene: Scene, key_id: str, number: int) -> None:
        super().__init__(scene, f"{key_id}-{number}")
        self.pick = Random(f"{scene.seed} {self.name}")
        self.client = Client(scene.stage, key_id, scene.told)
        self.ground: Ground = ground_of(key_id)
        self._count = 0
        self._unknown: list[tuple[float, str, int]] = []
        self._turns: dict[Callable[[], None], int] = {
            self._rest: 70,
            self._trade: 12,
            self._look: 10,
            self._pry: 4,
            self._misname: 4,
        }

    def act(self) -> None:
        self.pick.choices(list(self._turns), list(self._turns.values()))[0]()
        self._follow()
        is_ahead = self.scene.planned is not None and self.scene.placed > self.scene.planned + AHEAD
        time.sleep((SLOW_PAUSE_S if is_ahead else PAUSE_S) * self.pick.random())

    def leave(self) -> None:
        self.client.close()

    def place(self, *, price: float, side: str = "BUY", name: str | None = None) -> Ask:
        """Place a lot."""
        body = {
            "header": self.ground.header,
            "trd_side": side,
            "order_type": "NORMAL",
            "code": self.ground.code,
            "qty": self.ground.lot,
            "price": round(price, 2),
            "sec_market": self.ground.sec_market,
        }
        ask = self.client.post(Kind.PLACE, "/api/order", body, name)
        return self._note(ask)

    def _note(self, ask: Ask) -> Ask:
        if ask.status == 200 and ask.is_own_order:
            self.scene.placed += 1
            self.scene.intent_ids[ask.key_id] = ask.headers["X-Intent-Id"]
        elif ask.outcome == "unknown" and "intent_id" in ask.answer:
            self._unknown.append((time.time() + FOLLOW_AFTER_S, ask.answer["intent_id"], FOLLOW_TIMES))
        return ask

    def new_name(self) -> str:
        """A name that was not used before."""
        self._count += 1
        return f"{self.scene.seed}-{self.name}-{self._count}"

    def cancel(self, order_id: int) -> None:
        """Cancel, and once more where the first cancel was lost."""
        body = {"header": self.ground.header, "order_id": order_id, "modify_order_op": "CANCEL"}
        for _ in range(2):
            if self.client.post(Kind.CANCEL, "/api/modify-order", body).status in (200, 400):
                return
            time.sleep(0.3)

    def resting_price(self) -> float:
        """A price far below the market."""
        return self.ground.price + self.pick.randrange(TICKS) * self.ground.tick

    def _rest(self) -> None:
        name = self.new_name() if self.pick.random() < 0.4 else None
        ask = self.place(price=self.resting_price(), name=name)
        if name and (ask.may_have_sent or self.pick.random() < 0.1):
            ask = self._repeat(ask)
        if ask.status != 200:
            return
        if self.pick.random() < 0.3:
            self._change(ask.order_id)
        self.cancel(ask.order_id)

    def _repeat(self, first: Ask) -> Ask:
        """The same again under the same name, until the answer is there."""
        for _ in range(4):
            again = self.client.post(Kind.PLACE, "/api/order", dict(first.body), first.name)
            if again.status == 200 and again.is_own_order:
                self._note(again)
            if again.status is not None and again.status != 409 and not again.may_have_sent:
                return again
            time.sleep(0.4)
        return again

    def _change(self, order_id: int) -> None:
        """Prices of changes lie above those of orders, and each is used once for an order."""
        price = self.ground.price + (TICKS + self.pick.randrange(TICKS)) * self.ground.tick
        body = {
            "header": self.ground.header,
            "order_id": order_id,
            "modify_order_op": "NORMAL",
            "qty": self.ground.lot,
            "price": round(price, 2),
        }
        name = self.new_name() if self.pick.random() < 0.4 else None
        self.client.post(Kind.CHANGE, "/api/modify-order", body, name)

    def _trade(self) -> None:
        """Buy a lot at whatever it costs, and sell it again."""
        if self.place(price=self.ground.high).status == 200:
            time.sleep(0.2)
            self.place(price=self.ground.price, side="SELL")

    def _look(self) -> None:
        self.client.post(Kind.READ, self.pick.choice(READS), {"header": self.ground.header})

    def _pry(self) -> None:
        """Ask for what belongs to others."""
        others = [key_id for key_id in TRADERS if key_id != self.client.key_id]
        other = self.pick.choice(others)
        intent_id = self.scene.intent_ids.get(other)
        if intent_id and self.pick.random() < 0.5:
            self.client.get(Kind.FOREIGN, f"/api/orders/intent/{intent_id}")
        elif TRADERS[other].acc_id != self.ground.acc_id:
            self.client.post(Kind.FOREIGN, "/api/orders", {"header": TRADERS[other].header})

    def _misname(self) -> None:
        """Another order under a name that is taken: nothing may come of it."""
        name = self.new_name()
        first = self.place(price=self.resting_price(), name=name)
        if first.status == 200:
            self.place(price=self.ground.price - self.ground.tick, name=name)
            self.cancel(first.order_id)

    def _follow(self) -> None:
        """Ask what became of unknown orders, and cancel those that are there."""
        now_s = time.time()
        due = [each for each in self._unknown if each[0] <= now_s]
        self._unknown = [each for each in self._unknown if each[0] > now_s]
        for _, intent_id, times in due:
            ask = self.client.get(Kind.READ, f"/api/orders/intent/{intent_id}")
            known = ask.answer if ask.status == 200 else {}
            if known.get("order_id"):
                self.cancel(int(known["order_id"]))
            elif known.get("state") not in ("resolved", "rejected", "abandoned") and times > 1:
                self._unknown.append((now_s + FOLLOW_AFTER_S, intent_id, times - 1))


class Pusher(Trader):
    """A client that runs against its caps: it orders far more often than it may."""

    def act(self) -> None:
        name = self.new_name() if self.pick.random() < 0.3 else None
        ask = self.place(price=self.resting_price(), name=name)
        if ask.status == 200:
            self.cancel(ask.order_id)
        self._follow()
        time.sleep(6 * PAUSE_S * self.pick.random())


class Sweeper(Actor):
    """Cancels what was forgotten in an account: orders whose answer got lost."""

    def __init__(self, scene: Scene, key_id: str) -> None:
        super().__init__(scene, f"{key_id}-sweeper")
        self._client = Client(scene.stage, key_id, scene.told)
        self._header = ground_of(key_id).header

    def act(self) -> None:
        self.sweep(FORGOTTEN_AFTER_S)
        self.scene.is_over.wait(SWEEP_INTERVAL_S)

    def sweep(self, older_than_s: float) -> None:
        """Cancel what is older."""
        body = {"header": self._header, "filter_status_list": OPEN_STATUSES}
        listed = self._client.post(Kind.READ, "/api/orders", body)
        if listed.status != 200:
            return
        for order in listed.answer["s2c"].get("order_list", []):
            if time.time() - order["create_timestamp"] > older_than_s:
                cancel = {"header": self._header, "order_id": order["order_id"], "modify_order_op": "CANCEL"}
                self._client.post(Kind.CANCEL, "/api/modify-order", cancel)

    def leave(self) -> None:
        self._client.close()


def traders(scene: Scene, each: int) -> list[Actor]:
    """All that trade: so many clients for each key whose orders flow, and those that press on caps."""
    return [
        *(Trader(scene, key_id, number) for key_id in TRADERS for number in range(each)),
        *(Pusher(scene, key_id, 0) for key_id in CAPPED),
        *(Sweeper(scene, key_id) for key_id in TRADERS),
    ]
