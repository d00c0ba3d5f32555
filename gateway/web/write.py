"""Trade writes: what their headers say, and the one way to the desk."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from flask import Response, request

from gateway.errors import GatewayError
from gateway.ledger.base import IntentRecord, ReplayKey, ReplayKind, Resolution
from gateway.opend.errors import OutcomeUnknown
from gateway.policy.model import Principal
from gateway.policy.reasons import Denied
from gateway.schema.codec import Int64Format
from gateway.schema.descriptors import WireMessage
from gateway.schema.errors import BodyError, FieldError
from gateway.trading.audit_trail import AuditTrail
from gateway.trading.context import DryRun, OrderDenied, WriteContext
from gateway.trading.desk import TRADING_OPERATIONS
from gateway.trading.intent import new_intent_id
from gateway.web.errors import json_answer
from gateway.web.exchange import Environ, Exchange
from gateway.web.question import Question
from gateway.web.replay import Claim
from gateway.web.services import Services
from gateway.web.success import success

DRY_RUN_HEADER = "X-Dry-Run"
ALLOW_DUPLICATE_HEADER = "X-Allow-Duplicate"
IDEMPOTENCY_HEADER = "Idempotency-Key"

_SANE_KEY = re.compile(r"""["A-Za-z0-9._~:+/=-]{1,128}""")
_FLAGS = {"true": True, "false": False}

REPLAYABLE = frozenset({"Trd_PlaceOrder", "Trd_ModifyOrder"})
"""Unlocking twice is the same as once; and nothing made of a password is kept."""


@dataclass(frozen=True, slots=True)
class WriteOptions:
    """What the headers of a trade write say."""

    is_dry_run: bool
    is_meant: bool
    idempotency_key: str | None

    @classmethod
    def of(cls, environ: Environ) -> "WriteOptions":
        """Read the headers. Raises FieldError for one that says something else than it may."""
        key = environ.get(_environ_name(IDEMPOTENCY_HEADER))
        if key is not None and not _SANE_KEY.fullmatch(key):
            raise FieldError(IDEMPOTENCY_HEADER, 'has to be 1 to 128 letters, digits or .-_~:+/="')
        return cls(_flag(environ, DRY_RUN_HEADER), _flag(environ, ALLOW_DUPLICATE_HEADER), key)


def _environ_name(header: str) -> str:
    return "HTTP_" + header.upper().replace("-", "_")


def _flag(environ: Environ, header: str) -> bool:
    written = environ.get(_environ_name(header), "false")
    if written not in _FLAGS:
        raise FieldError(header, "has to be true or false")
    return _FLAGS[written]


def serve_write(services: Services, principal: Principal, question: Question) -> Response:
    """Serve a trade write: once under its name, if it has one."""
    options = WriteOptions.of(request.environ)
    exchange = Exchange.of(request.environ)
    write = _Write(services, principal, question, options, exchange)
    intent_id = new_intent_id(services.clock)
    claim = _claim(principal, question, options)
    if claim is None:
        return write.send(intent_id)
    return services.replays.once(claim, intent_id, write, exchange)


def _claim(principal: Principal, question: Question, options: WriteOptions) -> Claim | None:
    """The name that the caller gave its request; a header is stronger than a packet id."""
    if options.is_dry_run or question.route.protocol.name not in REPLAYABLE:
        return None
    body_hash = _hash(question.message)
    if options.idempotency_key is not None:
        kind, token = ReplayKind.IDEMPOTENCY, options.idempotency_key
    elif question.packet_id is not None:
        kind, token = ReplayKind.PACKET, "{}:{}:{}".format(*question.packet_id, body_hash)
    else:
        return None
    return Claim(ReplayKey(kind, principal.key_id, question.route.path, token), body_hash)


def _hash(message: WireMessage) -> str:
    """The same for bodies that ask the same, however they spell it; a packet id is no part of it."""
    return hashlib.sha256(message.SerializeToString(deterministic=True)).hexdigest()


class Rejected(GatewayError):
    """OpenD or the broker said no to an order, as was found out after its request had died."""

    status: ClassVar[int] = 400


class NeverArrived(GatewayError):
    """An order was sent, and OpenD does not know it."""

    def details(self) -> Mapping[str, Any]:
        """Says that there is no such order."""
        return {"outcome": Resolution.ABSENT}


@dataclass(frozen=True, slots=True)
class _Write:
    """One trade write of one caller."""

    services: Services
    principal: Principal
    question: Question
    options: WriteOptions
    exchange: Exchange

    @property
    def is_order(self) -> bool:
        """Whether more may be traded after it than before; such a write has a record in the ledger."""
        c2s = self.question.message.c2s
        is_new = "modifyOrderOp" not in c2s.DESCRIPTOR.fields_by_name
        return is_new or c2s.modifyOrderOp in TRADING_OPERATIONS

    def send(self, intent_id: str) -> Response:
        """Send it as an intent, and answer."""
        self.exchange.intent_id = intent_id
        protocol, context = self.question.route.protocol, self._context(intent_id)
        try:
            answer = self.services.desk.submit(protocol, self.question.message, context)
        except (OrderDenied, BodyError):
            self.exchange.intent_id = None
            raise
        if isinstance(answer, DryRun):
            self.exchange.intent_id = None
            return json_answer(200, _dry_run_body(answer, self.question.int64))
        return success(self.services, answer, self.question.int64)

    def _context(self, intent_id: str) -> WriteContext:
        return WriteContext(
            principal=self.principal,
            request_id=self.exchange.request_id,
            route=self.question.route.path,
            intent_id=intent_id,
            is_dry_run=self.options.is_dry_run,
            is_meant=self.options.is_meant,
        )

    def denied(self, denied: Denied, intent_id: str) -> OrderDenied:
        """The error of a denial that came before the desk, which is in the audit when this returns."""
        error = OrderDenied(denied)
        context = self._context(intent_id)
        AuditTrail(self.services.audit, self.services.clock, context, self.question.message).denied(error)
        return error

    def recall(self, record: IntentRecord) -> Response:
        """The answer that follows from what the ledger knows of it. Raises GatewayError."""
        outcome = str(record.resolution or record.state)
        if outcome == Resolution.ACCEPTED:
            return success(self.services, self._accepted(record), self.question.int64)
        if outcome == Resolution.REJECTED:
            raise Rejected(f"OpenD rejected this order: {record.detail or 'it gave no text'}")
        if outcome == Resolution.ABSENT:
            raise NeverArrived(
                "OpenD does not know this order: it was lost on the way, and nothing was traded"
            )
        raise OutcomeUnknown("this order was sent, and OpenD's answer never came; it may have taken effect")

    def _accepted(self, record: IntentRecord) -> WireMessage:
        answer = self.question.route.protocol.response(retType=0)
        answer.s2c.header.CopyFrom(self.question.message.c2s.header)
        answer.s2c.orderID = record.order_id or 0
        if record.order_id_ex:
            answer.s2c.orderIDEx = record.order_id_ex
        return answer


def _dry_run_body(answer: DryRun, int64: Int64Format) -> dict[str, Any]:
    body = dict(answer.body())
    if "acc_id" in body and int64 is Int64Format.STRING:
        body["acc_id"] = str(body["acc_id"])
    return body
