"""From a request's bytes to the JSON object and the query parameters that stand in it."""

from typing import Any
from urllib.parse import parse_qsl

from gunicorn.http.errors import ParseException  # type: ignore[import-untyped]

from gateway.schema.errors import BodyError, FieldError
from gateway.schema.json_text import parse_object
from gateway.web.exchange import Environ

JSON_TYPE = "application/json"


def json_object(environ: Environ, max_bytes: int) -> dict[str, Any]:
    """The JSON object that a POST carries. Raises BodyError for anything else."""
    require_json_type(environ.get("CONTENT_TYPE", ""))
    raw = read_body(environ, max_bytes)
    if not raw:
        raise BodyError("the body is empty, it has to be a JSON object such as {}")
    return parse_object(raw)


def require_json_type(content_type: str) -> None:
    """Raises BodyError unless it is `application/json`, in UTF-8 when a charset is given."""
    if content_type == JSON_TYPE:
        return
    media_type, _, parameters = content_type.lower().partition(";")
    if media_type.strip() != JSON_TYPE:
        raise BodyError(f"Content-Type has to be {JSON_TYPE}")
    for parameter in parameters.split(";"):
        name, _, value = parameter.partition("=")
        if name.strip() == "charset" and value.strip().strip('"') not in ("utf-8", "utf8"):
            raise BodyError("the body has to be in UTF-8")


def read_body(environ: Environ, max_bytes: int) -> bytes:
    """The whole body. Raises BodyError when it is larger than `max_bytes`, cut short, or badly chunked.

    What is left unread of a body is the server's to deal with (`gateway.web.worker`).
    """
    stream = environ["wsgi.input"]
    declared = environ.get("CONTENT_LENGTH")
    length = int(declared) if declared else None
    if length is not None and length > max_bytes:
        raise _too_large(max_bytes)
    if length is None and "HTTP_TRANSFER_ENCODING" not in environ:
        return b""
    try:
        raw: bytes = stream.read(max_bytes + 1 if length is None else length)
    except (OSError, ParseException) as error:
        raise BodyError("the body could not be read to its end") from error
    if len(raw) > max_bytes:
        raise _too_large(max_bytes)
    if length is not None and len(raw) != length:
        raise BodyError("the body is shorter than its Content-Length")
    return raw


def _too_large(max_bytes: int) -> BodyError:
    return BodyError(f"the body is larger than {max_bytes} bytes (api.max_body_bytes)")


def query_pairs(environ: Environ) -> list[tuple[str, str]]:
    """The query parameters in order, percent-decoded. Raises BodyError when they are not UTF-8."""
    query = environ.get("QUERY_STRING", "")
    if not query:
        return []
    try:
        return parse_qsl(query.encode("ascii").decode(), keep_blank_values=True, errors="strict")
    except UnicodeError as error:
        raise BodyError("the query string is not percent-encoded UTF-8") from error


def take_parameter(pairs: list[tuple[str, str]], name: str) -> str | None:
    """Remove a parameter from the pairs and return its value, None when it is not there.

    Raises FieldError when it is given twice.
    """
    values = [value for key, value in pairs if key == name]
    if len(values) > 1:
        raise FieldError(name, "is given twice")
    pairs[:] = [pair for pair in pairs if pair[0] != name]
    return values[0] if values else None
