"""Baseline (b): what its users write, the official SDK behind Flask. OPEND_PORT names the simulator's port.

One context for all threads, as the SDK's documentation has it, and each code subscribed to once; what
the SDK returns, a table of pandas, becomes rows as Flask's `jsonify` takes them.
"""

import os

from flask import Flask, Response, jsonify, request
from futu import RET_OK, KLType, OpenQuoteContext, SubType

app = Flask(__name__)
quotes = OpenQuoteContext(host="127.0.0.1", port=int(os.environ["OPEND_PORT"]))
subscribed: set[str] = set()


def answer(ret, data) -> tuple[Response, int]:
    if ret != RET_OK:
        return jsonify(error=data), 400
    return jsonify(data.to_dict("records")), 200


@app.post("/api/quote")
def quote() -> tuple[Response, int]:
    codes = request.get_json()["security_list"]
    new = [code for code in codes if code not in subscribed]
    if new:
        ret, data = quotes.subscribe(new, [SubType.QUOTE], subscribe_push=False)
        if ret != RET_OK:
            return answer(ret, data)
        subscribed.update(new)
    return answer(*quotes.get_stock_quote(codes))


@app.post("/api/snapshot")
def snapshot() -> tuple[Response, int]:
    return answer(*quotes.get_market_snapshot(request.get_json()["security_list"]))


@app.post("/api/history-kline")
def history_kline() -> tuple[Response, int]:
    body = request.get_json()
    ret, data, _next_page = quotes.request_history_kline(
        body["security"],
        start=body["begin_time"],
        end=body["end_time"],
        ktype=KLType.K_DAY,
        max_count=body["max_ack_kl_num"],
    )
    return answer(ret, data)
