"""How log lines look, as text or as JSON, and where they go: stderr, one line a record.

Nothing here is told bodies, query strings, tokens or passwords; what callers can put into a line
(a method, a request id) has its control characters escaped, so nobody can forge a second line.
"""

import json
import logging
import re
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

from gateway.settings import LogFormat, LogLevel, Settings

REQUEST_ID: ContextVar[str | None] = ContextVar("request_id", default=None)
"""Set while a request is served: every JSON line that is written meanwhile carries it."""

_STANDARD_FIELDS = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime"}
_CONTROL_CHARACTERS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


class TextFormatter(logging.Formatter):
    """Time (UTC), process, level, logger, message; a traceback follows on indented lines."""

    def format(self, record: logging.LogRecord) -> str:
        """One record."""
        head = f"{_time(record)} [{record.process}] {record.levelname} {record.name}: "
        line = head + _one_line(record.getMessage())
        if record.exc_info:
            traceback = self.formatException(record.exc_info)
            line += "".join(f"\n    {_one_line(part)}" for part in traceback.splitlines())
        return line


class JsonFormatter(logging.Formatter):
    """The same as one JSON object; the request's id and what a record carries as `extra` stand beside it."""

    def format(self, record: logging.LogRecord) -> str:
        """One record."""
        fields: dict[str, Any] = {
            "time": _time(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "pid": record.process,
            "message": record.getMessage(),
        }
        if (request_id := REQUEST_ID.get()) is not None:
            fields["request_id"] = request_id
        fields |= {name: value for name, value in vars(record).items() if name not in _STANDARD_FIELDS}
        if record.exc_info:
            fields["traceback"] = self.formatException(record.exc_info)
        return json.dumps(fields, ensure_ascii=True, default=str)


_FORMATTERS: dict[LogFormat, type[logging.Formatter]] = {
    LogFormat.TEXT: TextFormatter,
    LogFormat.JSON: JsonFormatter,
}


def leave_out_unused_fields() -> None:
    """Let records of this process carry no source line, thread or task, which no line shows.

    Finding them takes a third of what a line costs; logging documents these switches.
    """
    logging._srcfile = None
    logging.logThreads = False
    logging.logMultiprocessing = False


_SEVERITY = tuple(LogLevel)


def logging_config(settings: Settings) -> dict[str, Any]:
    """The argument of `logging.config.dictConfig` for these settings, gunicorn's own lines included."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": {"()": _FORMATTERS[settings.log_format]}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
        "root": {"handlers": ["stderr"], "level": "WARNING"},
        "loggers": {
            "gateway": {"level": settings.log.level.upper()},
            "gunicorn.error": {
                "handlers": ["stderr"],
                # At debug it repeats heads of requests that were cut off, tokens among them.
                "level": max(settings.log.level, LogLevel.INFO, key=_SEVERITY.index).upper(),
                "propagate": False,
            },
        },
    }


def _time(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")


def _one_line(text: str) -> str:
    return _CONTROL_CHARACTERS.sub(lambda match: match[0].encode("unicode_escape").decode(), text)
