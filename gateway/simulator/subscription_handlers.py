"""Qot_Sub, Qot_RegQotPush, Qot_GetSubInfo, and the rule that real-time reads need a subscription."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from gateway.simulator.model import Call, Handler, Refusal, SecurityKey
from gateway.simulator.subscriptions import (
    FORWARD_REHAB,
    NO_REHAB,
    PushTarget,
    Subscription,
    Subscriptions,
    SubType,
)

FirstPush = Callable[[int, Iterable[PushTarget]], None]
"""Sends what is known now of newly registered targets to the connection with this id."""


class SubscriptionHandlers:
    """Answers the subscription protocols for all connections."""

    def __init__(self, subscriptions: Subscriptions, first_push: FirstPush) -> None:
        self._subscriptions = subscriptions
        self._first_push = first_push

    def table(self) -> dict[int, Handler]:
        """The handlers by proto id."""
        return {3001: self.subscribe, 3002: self.register_push, 3003: self.subscription_info}

    def subscribe(self, call: Call) -> Mapping[str, Any]:
        """Qot_Sub: subscribe or unsubscribe, and register or unregister pushes on this connection."""
        c2s, conn_id, now_s = call.c2s, call.connection.conn_id, call.clock.monotonic_s()
        if c2s.isUnsubAll:
            everything = self._subscriptions.of_connection(conn_id)
            self._subscriptions.unsubscribe(conn_id, everything, now_s)
            return {}
        subscriptions = _named_subscriptions(c2s)
        if not c2s.isSubOrUnSub:
            self._subscriptions.unsubscribe(conn_id, subscriptions, now_s)
            return {}
        targets = _push_targets(subscriptions, c2s.regPushRehabTypeList)
        self._subscriptions.subscribe(conn_id, subscriptions, now_s)
        if c2s.HasField("isRegOrUnRegPush"):
            self._change_pushes(conn_id, c2s.isRegOrUnRegPush, targets, _wants_first_push(c2s))
        return {}

    def register_push(self, call: Call) -> Mapping[str, Any]:
        """Qot_RegQotPush: register or unregister pushes of what this connection has subscribed."""
        c2s = call.c2s
        targets = _push_targets(_named_subscriptions(c2s), c2s.rehabTypeList)
        self._change_pushes(call.connection.conn_id, c2s.isRegOrUnReg, targets, _wants_first_push(c2s))
        return {}

    def subscription_info(self, call: Call) -> Mapping[str, Any]:
        """Qot_GetSubInfo: this connection's subscriptions, or those of all, and the login's quota."""
        own_id, now_s = call.connection.conn_id, call.clock.monotonic_s()
        shown = self._subscriptions.connection_ids() if call.c2s.isReqAllConn else (own_id,)
        used, remaining = self._subscriptions.used(now_s), self._subscriptions.remaining(now_s)
        return {
            "connSubInfoList": [self._connection_info(conn_id, own_id) for conn_id in shown],
            "totalUsedQuota": used.securities,
            "remainQuota": remaining.securities,
            "optionUsedQuota": used.option_chains,
            "optionRemainQuota": remaining.option_chains,
        }

    def _change_pushes(
        self, conn_id: int, register: bool, targets: Iterable[PushTarget], wants_first_push: bool
    ) -> None:
        if not register:
            self._subscriptions.unregister_push(conn_id, [target.subscription for target in targets])
            return
        self._subscriptions.register_push(conn_id, targets)
        if wants_first_push:
            self._first_push(conn_id, targets)

    def _connection_info(self, conn_id: int, own_id: int) -> dict[str, Any]:
        subscriptions = self._subscriptions.of_connection(conn_id)
        used = self._subscriptions.units(subscriptions)
        by_type: dict[SubType, list[SecurityKey]] = {}
        for subscription in subscriptions:
            by_type.setdefault(subscription.sub_type, []).append(subscription.security)
        return {
            "subInfoList": [
                {"subType": sub_type, "securityList": [key._asdict() for key in keys]}
                for sub_type, keys in by_type.items()
            ],
            "usedQuota": used.securities,
            "isOwnConnData": conn_id == own_id,
            "optionUsedQuota": used.option_chains,
        }


def _wants_first_push(c2s: Any) -> bool:
    """`isFirstPush` is true where it is not set, as its .proto comment says."""
    return bool(c2s.isFirstPush) or not c2s.HasField("isFirstPush")


def _named_subscriptions(c2s: Any) -> list[Subscription]:
    """Every security with every type, once. Raises `Refusal` for an empty list or an unknown type."""
    for field in ("securityList", "subTypeList"):
        if not getattr(c2s, field):
            raise Refusal(f"缺少必要的参数: {field}")
    securities = dict.fromkeys(map(security_key, c2s.securityList))
    sub_types = dict.fromkeys(map(_sub_type, c2s.subTypeList))
    return [Subscription(security, sub_type) for security in securities for sub_type in sub_types]


def _sub_type(number: int) -> SubType:
    try:
        return SubType(number)
    except ValueError:
        raise Refusal(f"未知的订阅类型: {number}") from None


def _push_targets(subscriptions: Iterable[Subscription], rehab_types: Iterable[int]) -> list[PushTarget]:
    kline_rehab_types = tuple(dict.fromkeys(rehab_types)) or (FORWARD_REHAB,)
    return [
        PushTarget(subscription, rehab_type)
        for subscription in subscriptions
        for rehab_type in (kline_rehab_types if subscription.sub_type.is_kline else (NO_REHAB,))
    ]


def security_key(security: Any) -> SecurityKey:
    """A `Qot_Common.Security` as the simulator's parts name it."""
    return SecurityKey(security.market, security.code)


SUB_TYPE_OF_KL_TYPE = {
    1: SubType.KL_1Min,
    2: SubType.KL_Day,
    3: SubType.KL_Week,
    4: SubType.KL_Month,
    5: SubType.KL_Year,
    6: SubType.KL_5Min,
    7: SubType.KL_15Min,
    8: SubType.KL_30Min,
    9: SubType.KL_60Min,
    10: SubType.KL_3Min,
    11: SubType.KL_Qurater,
    12: SubType.KL_10Min,
    13: SubType.KL_120Min,
    14: SubType.KL_180Min,
    15: SubType.KL_240Min,
}
"""`Qot_Common.KLType` to the subscription that serves it."""


def _kline_sub_type(c2s: Any) -> SubType:
    if c2s.klType not in SUB_TYPE_OF_KL_TYPE:
        raise Refusal(f"未知的K线类型: {c2s.klType}")
    return SUB_TYPE_OF_KL_TYPE[c2s.klType]


def _order_book_sub_type(c2s: Any) -> SubType:
    return SubType.OrderBook_Odd if c2s.orderBookType else SubType.OrderBook


_REAL_TIME_READS: Mapping[int, tuple[str, Callable[[Any], SubType]]] = {
    3004: ("实时报价", lambda c2s: SubType.Basic),
    3006: ("实时K线", _kline_sub_type),
    3008: ("实时分时", lambda c2s: SubType.RT),
    3010: ("实时逐笔", lambda c2s: SubType.Ticker),
    3012: ("实时摆盘", _order_book_sub_type),
    3014: ("实时经纪队列", lambda c2s: SubType.Broker),
}
"""The reads of subscribed data: their name in OpenD's texts, and the subscription that they need."""

REAL_TIME_READS = frozenset(_REAL_TIME_READS)


class SubscriptionGuard:
    """Lets a real-time read pass when its own connection has subscribed the data.

    Whether OpenD would answer from another connection's subscription is not documented; assuming
    that it does not can only make a client stricter than it has to be.
    """

    def __init__(self, subscriptions: Subscriptions, require_known: Callable[[SecurityKey], object]) -> None:
        self._subscriptions = subscriptions
        self._require_known = require_known

    def check(self, call: Call) -> None:
        """Raises `Refusal` for an unknown security and for one that is not subscribed."""
        name, sub_type_of = _REAL_TIME_READS[call.proto_id]
        sub_type = sub_type_of(call.c2s)
        securities = call.c2s.securityList if call.proto_id == 3004 else (call.c2s.security,)
        for security in map(security_key, securities):
            if self._subscriptions.has(call.connection.conn_id, Subscription(security, sub_type)):
                continue
            self._require_known(security)
            raise Refusal(f"请求获取{name}接口前，请先订阅{sub_type.name}数据")
