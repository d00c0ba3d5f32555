"""Writes lines to an audit as a worker does: `writer.py FILE NAME COUNT DURABLE`."""

import sys
from pathlib import Path

from gateway.audit import AuditEvent, AuditKind, AuditLog
from gateway.clock import SystemClock


def main(path: str, name: str, count: str, durable: str) -> None:
    log = AuditLog(Path(path), SystemClock())
    print("ready", flush=True)
    sys.stdin.readline()
    for number in range(int(count)):
        event = AuditEvent(kind=AuditKind.DECISION, request_id=f"{name}-{number}", detail="x" * 200)
        log.write(event, durable=durable == "True")
        print(f"{name}-{number}", flush=True)
    log.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
