"""The OpenAPI document, and the page that shows it; `ops.docs_page: false` takes both away.

Neither holds a secret: they say what the gateway takes, not whom it knows. In mode keys they are
open, since the page has to be there before a token can be typed into it. In mode local whatever does
not come from this machine is refused here as everywhere.
"""

import gzip
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path

import orjson
from flask import Blueprint, Response, request, send_file

from gateway.openapi.document import build_document
from gateway.openapi.situation import Situation
from gateway.routes import DOCUMENT_PATH, PAGE_PATH
from gateway.settings import AuthMode
from gateway.web.blueprints.ops import DISTRIBUTION
from gateway.web.body import JSON_TYPE
from gateway.web.dispatch import serve
from gateway.web.services import Services

_OURS = Path(str(files("gateway.web") / "static" / "docs"))
_SWAGGER_UI = Path(str(files("flask_swagger_ui") / "dist"))

PAGE = _OURS / "docs.html"
ASSETS: Mapping[str, Path] = {
    "docs.js": _OURS / "docs.js",
    "swagger-ui.css": _SWAGGER_UI / "swagger-ui.css",
    "swagger-ui-bundle.js": _SWAGGER_UI / "swagger-ui-bundle.js",
    "favicon-32x32.png": _SWAGGER_UI / "favicon-32x32.png",
}
"""The files that the page asks for, all of them from here."""

PAGE_HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}

_GZIP = "gzip"


def docs_blueprint(services: Services) -> Blueprint:
    """The endpoints; none when the page is off."""
    blueprint = Blueprint("docs", __name__)
    if services.settings.ops.docs_page:
        document = _document_view(services)
        blueprint.add_url_rule(DOCUMENT_PATH, "document", _open(services, DOCUMENT_PATH, document))
        blueprint.add_url_rule(PAGE_PATH, "page", _open(services, PAGE_PATH, _file_view(PAGE)))
        for name, path in ASSETS.items():
            view = _open(services, PAGE_PATH, _file_view(path))
            blueprint.add_url_rule(f"{PAGE_PATH}/{name}", name.replace(".", "-"), view)
    return blueprint


def _open(services: Services, path: str, answer: Callable[[], Response]) -> Callable[[], Response]:
    """The view of something that everybody may see whom the mode lets in at all."""
    is_local = services.settings.auth.mode is AuthMode.LOCAL

    def answer_local() -> Response:
        services.guard.principal(request.environ)
        return answer()

    return lambda: serve(services, path, answer_local if is_local else answer)


def _file_view(path: Path) -> Callable[[], Response]:
    def answer() -> Response:
        response = send_file(path, etag=True, conditional=True, max_age=0)
        response.headers.update(PAGE_HEADERS)
        return response

    return answer


def _document_view(services: Services) -> Callable[[], Response]:
    """The document is made when it is first asked for, and kept in its compressed form alone."""

    @cache
    def compressed() -> bytes:
        today = datetime.fromtimestamp(services.clock.wall_s(), UTC).date()
        situation = Situation.of(services.settings, version(DISTRIBUTION), today)
        return gzip.compress(orjson.dumps(build_document(situation)))

    def answer() -> Response:
        packed = compressed()
        if request.accept_encodings[_GZIP] > 0:
            answer = Response(packed, content_type=JSON_TYPE, headers={"Content-Encoding": _GZIP})
        else:
            answer = Response(gzip.decompress(packed), content_type=JSON_TYPE)
        answer.headers["Vary"] = "Accept-Encoding"
        return answer

    return answer
