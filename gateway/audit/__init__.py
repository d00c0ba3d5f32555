"""The record of who asked for what and what became of it: one file of JSON lines, chained by hash."""

from gateway.audit.chain import AuditUnavailable
from gateway.audit.event import AuditEvent, AuditKind
from gateway.audit.log import AuditLog
from gateway.audit.verify import Finding, Flaw, VerifyReport, verify

__all__ = [
    "AuditEvent",
    "AuditKind",
    "AuditLog",
    "AuditUnavailable",
    "Finding",
    "Flaw",
    "VerifyReport",
    "verify",
]
