"""Baseline (a): a Flask view that does nothing, under the gateway's own gunicorn configuration and worker.

The configuration opens and closes the gateway's parts in the worker; here there are none.
"""

from collections.abc import Callable

from flask import Flask, Response

from gateway.web.serve import WORKER


class NoParts:
    """Stands where the gateway's worker has its parts."""

    def open(self, is_serving: Callable[[], bool]) -> None:
        pass

    def close(self) -> None:
        pass


app = Flask(__name__)
app.extensions[WORKER] = NoParts()


@app.post("/api/quote")
def nothing() -> Response:
    return Response(b"{}", mimetype="application/json")
