"""A broker on the fake market, called as the server calls it; every answer and push is checked for form."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
from fix_market import FakeMarket

from gateway.clock import ManualClock
from gateway.schema.descriptors import message_class
from gateway.schema.protocols import PROTOCOLS
from gateway.simulator.broker import Broker, trade_handlers
from gateway.simulator.broker.broker import PASSWORD_MD5
from gateway.simulator.journal import Journal
from gateway.simulator.model import Answer, Call, Refusal

PAPER_HK = {"trdEnv": 0, "accID": 987654, "trdMarket": 1}
PAPER_US = {"trdEnv": 0, "accID": 987655, "trdMarket": 2}
UNIVERSAL = {"trdEnv": 1, "accID": 281756479345015383, "trdMarket": 1}
UNIVERSAL_US = UNIVERSAL | {"trdMarket": 2}
UNIVERSAL_A = UNIVERSAL | {"trdMarket": 4}
REAL_HK = {"trdEnv": 1, "accID": 281756455983234027, "trdMarket": 1}
REAL_US = {"trdEnv": 1, "accID": 281756460288713754, "trdMarket": 2}
REAL_A = {"trdEnv": 1, "accID": 281756468867370241, "trdMarket": 4}

MONDAY_NOON_HK = datetime(2026, 3, 2, 4, 0, 0, 313_000, tzinfo=UTC).timestamp()
EVER = {"beginTime": "2000-01-01", "endTime": "2100-01-01"}


@dataclass
class Connection:
    conn_id: int = 6730043337026687703


class Desk:
    def __init__(self) -> None:
        self.clock = ManualClock(MONDAY_NOON_HK)
        self.market = FakeMarket()
        self.journal = Journal()
        self.pushes: list[tuple[int, Mapping[str, Any]]] = []
        self.broker = Broker(self.market, self.clock, self.journal, self)
        self.handlers = trade_handlers(self.broker)
        self.serial = 0

    def account_push(self, acc_id: int, proto_id: int, s2c: Mapping[str, Any]) -> None:
        message = message_class(f"{PROTOCOLS[proto_id].name}.S2C")(**s2c)
        assert message.IsInitialized(), message.FindInitializationErrors()
        assert s2c["header"]["accID"] == acc_id
        self.pushes.append((proto_id, s2c))

    def call(self, proto_id: int, **fields: Any) -> Mapping[str, Any]:
        """The S2C of a call, whether or not a text came with it."""
        name = PROTOCOLS[proto_id].name
        c2s = message_class(f"{name}.C2S")(**fields)
        assert c2s.IsInitialized(), c2s.FindInitializationErrors()
        answer = self.handlers[proto_id](Call(proto_id, c2s, Connection(), self.clock))
        s2c = answer.s2c if isinstance(answer, Answer) else answer
        message = message_class(f"{name}.S2C")(**s2c)
        assert message.IsInitialized(), message.FindInitializationErrors()
        return s2c

    def refusal(self, proto_id: int, **fields: Any) -> str:
        with pytest.raises(Refusal) as caught:
            self.call(proto_id, **fields)
        assert caught.value.ret_type == -1
        return caught.value.ret_msg

    def unlock(self) -> None:
        self.broker.unlock(PASSWORD_MD5)

    def order_body(self, header: Mapping[str, int] = PAPER_HK, **fields: Any) -> dict[str, Any]:
        self.serial += 1
        body = {"trdSide": 1, "orderType": 1, "code": "00700", "qty": 100, "price": 390.0, "secMarket": 1}
        packet_id = {"connID": Connection.conn_id, "serialNo": self.serial}
        return {"packetID": packet_id, "header": header, **body, **fields}

    def place(self, header: Mapping[str, int] = PAPER_HK, **fields: Any) -> str:
        """Place an order and give its text id."""
        return self.call(2202, **self.order_body(header, **fields))["orderIDEx"]

    def place_live(self, header: Mapping[str, int] = PAPER_HK, **fields: Any) -> str:
        """Place an order and let the exchange confirm it."""
        order_id_ex = self.place(header, **fields)
        self.settle()
        return order_id_ex

    def settle(self, seconds: float = 0.06) -> None:
        self.clock.advance(seconds)
        self.broker.advance()

    def modify_body(
        self, order_id_ex: str, op: int, header: Mapping[str, int] = PAPER_HK, **fields: Any
    ) -> dict[str, Any]:
        self.serial += 1
        packet_id = {"connID": Connection.conn_id, "serialNo": self.serial}
        body = {"orderID": 0, "orderIDEx": order_id_ex, "modifyOrderOp": op, "forAll": False}
        return {"packetID": packet_id, "header": header, **body, **fields}

    def modify(self, order_id_ex: str, op: int, header: Mapping[str, int] = PAPER_HK, **fields: Any) -> None:
        self.call(2205, **self.modify_body(order_id_ex, op, header, **fields))

    def order(self, order_id_ex: str, header: Mapping[str, int] = PAPER_HK) -> Mapping[str, Any]:
        (found,) = self.call(2201, header=header, filterConditions={"orderIDExList": [order_id_ex]})[
            "orderList"
        ]
        return found

    def status(self, order_id_ex: str, header: Mapping[str, int] = PAPER_HK) -> int:
        return self.order(order_id_ex, header)["orderStatus"]

    def funds(self, header: Mapping[str, int] = PAPER_HK, currency: int = 1) -> Mapping[str, Any]:
        return self.call(2101, header=header, currency=currency)["funds"]

    def position(self, code: str, header: Mapping[str, int] = PAPER_HK) -> Mapping[str, Any]:
        (found,) = self.call(2102, header=header, filterConditions={"codeList": [code]})["positionList"]
        return found

    def pushed_statuses(self) -> list[int]:
        return [s2c["order"]["orderStatus"] for proto_id, s2c in self.pushes if proto_id == 2208]
