"""When the gateway answers with which HTTP status (decisions D4)."""

from collections.abc import Mapping

STATUSES: Mapping[int, str] = {
    200: "The call succeeded.",
    400: "The request is wrong (`field` names the place), or OpenD refused it (`ret_type`, `ret_msg`, "
    "`err_code` are its words).",
    401: "In mode `keys`: no token, or one that is unknown, expired or revoked. Always the same body, with "
    "`WWW-Authenticate: Bearer`.",
    403: "The caller may not do this: a scope is missing, or the account is not the key's. In mode `local`: "
    "the request did not come from this machine.",
    404: "Method and path are not in the route table, whoever asks. Always the same body: "
    '`{"error": "not found"}`.',
    409: "The first request with this `Idempotency-Key` is still running.",
    422: "This `Idempotency-Key` was used with another body.",
    429: "A limit of the key, or OpenD's own frequency or quota limit; `Retry-After` says when to come back, "
    "where time heals it.",
    500: "A defect of the gateway, OpenD is gone or silent, or the ledger is out of reach. After a trade "
    "write `outcome` says what is known: `not_sent`, `unknown`, or `absent`.",
    503: "`GET /ready` alone: the gateway cannot do its work now; `reasons` lists why.",
}
