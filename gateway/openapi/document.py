"""The whole document, OpenAPI 3.1."""

from typing import Any

from gateway.openapi.answer import ERROR_SCHEMAS, failure_components
from gateway.openapi.component import Components
from gateway.openapi.message import Messages
from gateway.openapi.operation import PARAMETERS, SECURITY_SCHEME, TAGS, Operations
from gateway.openapi.own import OWN_SCHEMAS, own_operations
from gateway.openapi.parameter import ANSWER_HEADERS, INT64, REQUEST_ID, int64_format
from gateway.openapi.situation import Situation
from gateway.routes import ROUTES, Scope
from gateway.schema.comments import Comments
from gateway.schema.numbering import Numbering

Document = dict[str, Any]

_NUMBERINGS = """\
| a request says | `documented` (default) | `official` |
| --- | --- | --- |
| `"simulate"`, `"real"` | that environment | that environment |
| `0` | simulate | simulate |
| `1` | simulate | **real** |
| `2` | real | refused |
| nothing, or anything else | refused | refused |"""

_ANSWERED = {
    Numbering.DOCUMENTED: "1 is simulate and 2 is real",
    Numbering.OFFICIAL: "0 is simulate and 1 is real",
}

_BODIES = """\
**Bodies.** This document spells fields in snake_case (`acc_id`). The protocol's own spelling (`accID`) is \
taken too, and a body may stand inside `{"c2s": {...}}`. A security is an object or a text, `"HK.00700"`. An \
enumeration is its number, its name (`Day`, `KLType_Day`) or the official SDK's constant (`K_DAY`), in any \
case. 64-bit integers may be texts. Unknown fields are refused. HEAD is answered where GET is.

**Units.** Rates are per cent (20 is 20 %) unless a field says fraction. Timestamps are seconds since 1970 \
(UTC), time texts are in the exchange's local time, delays are milliseconds. Money is in the currency of the \
security or account.

**Answers.** A success is 200 with OpenD's `ret_type`, `ret_msg`, `err_code` and `s2c`; optional fields that \
OpenD leaves unset are left out. Every error has `error`, a sentence for people. A later version may add \
fields. Everything that is not in this document is 404 with `{"error": "not found"}`, a wrong method too.\
"""

_KEYED = "Every call under `/api` needs a key: `Authorization: Bearer fc_...`."
_LOCAL = "This gateway runs in `auth.mode: local`: it asks for no key and serves its own machine alone."


def build_document(situation: Situation) -> Document:
    """The document for a gateway with these settings, ready for JSON."""
    comments = Comments()
    components = Components()
    messages = Messages(components, comments, situation.numbering)
    operations = Operations(situation, messages, comments)
    paths = {route.path: {route.method.lower(): operations.operation(route)} for route in ROUTES}
    paths |= {own.path: {"get": own.operation(situation)} for own in own_operations(situation)}
    return {
        "openapi": "3.1.0",
        "info": _info(situation),
        "tags": [{"name": name, "description": text} for name, text in TAGS.items()],
        "x-trd-env-numbering": str(situation.numbering),
        "paths": paths,
        "components": {
            "schemas": {
                **dict(sorted(components.schemas.items())),
                **OWN_SCHEMAS,
                **ERROR_SCHEMAS,
                "Int64Format": int64_format(situation.int64),
            },
            "responses": failure_components(),
            "parameters": {**PARAMETERS, "Int64": INT64, "RequestId": REQUEST_ID},
            "headers": ANSWER_HEADERS,
            "securitySchemes": {SECURITY_SCHEME: _security_scheme()},
        },
    }


def _info(situation: Situation) -> dict[str, Any]:
    return {
        "title": "OpenD gateway",
        "version": situation.version,
        "summary": "JSON over HTTP in front of Futu/moomoo OpenD.",
        "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        "description": "\n\n".join(
            [_KEYED if situation.is_keyed else _LOCAL, *_environment_notes(situation), _BODIES]
        ),
    }


def _environment_notes(situation: Situation) -> list[str]:
    return [
        f"**`trd_env`: which number is real money.** In force here is `trd_env_numbering: "
        f"{situation.numbering}`; in answers {_ANSWERED[situation.numbering]}. The words are safe in both.",
        _NUMBERINGS,
        'In `documented` numbering market 7 is Japan; OpenD\'s 7 is `"CRYPTO"`.',
    ]


def _security_scheme() -> dict[str, Any]:
    scopes = ", ".join(f"`{scope}`" for scope in Scope)
    return {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "fc_ and 64 hex digits",
        "description": f"The token of a key, in `auth.mode: keys`. A key has scopes: {scopes}; "
        "`trade:real` covers `trade:simulate`.",
    }
