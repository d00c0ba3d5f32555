"""A page of the gateway's own: files of this package, served as they are.

A page holds nothing that is secret. What it shows it asks of the API with its reader's token.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from importlib.resources import files

from flask import Blueprint, Response, request

from gateway.web.exchange import Exchange

INDEX = "index.html"

CONTENT_TYPES: Mapping[str, str] = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}

HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": "default-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'; object-src 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}
"""Nothing from another host, nothing inline, in no frame; asked for anew each time, by its `ETag`."""


@dataclass(frozen=True, slots=True)
class PageFile:
    """One file, with what its answer says of it."""

    content: bytes
    content_type: str
    etag: str

    def answer(self) -> Response:
        """The file, or 304 when the browser has it."""
        response = Response(self.content, headers=HEADERS, content_type=self.content_type)
        response.set_etag(self.etag)
        response.make_conditional(request)
        return response


def page_files(name: str) -> Mapping[str, PageFile]:
    """The files of `static/<name>`, by the path that each is served at: `/<name>` is its index."""
    found = {}
    for entry in files("gateway.web").joinpath("static", name).iterdir():
        suffix = entry.name[entry.name.rindex(".") :]
        content = entry.read_bytes()
        path = f"/{name}" if entry.name == INDEX else f"/{name}/{entry.name}"
        found[path] = PageFile(content, CONTENT_TYPES[suffix], sha256(content).hexdigest()[:16])
    return found


def page_blueprint(name: str) -> Blueprint:
    """The page `static/<name>` at `/<name>`. Each file has a rule of its own, so nothing else is found."""
    blueprint = Blueprint(name, __name__)
    served = page_files(name)

    def view() -> Response:
        # One route in metrics and in the log, whichever of its files it is.
        Exchange.of(request.environ).route = f"/{name}"
        return served[request.path].answer()

    for number, path in enumerate(sorted(served)):
        blueprint.add_url_rule(path, f"{name}_{number}", view, methods=["GET"])
    return blueprint
