"""Take the README's picture of the live page: `make screenshot`.

What is in it comes from the embedded simulator. Chinese names want a font that has them.
"""

import base64
import sys
import tempfile
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

from fix_browser import Browser, opened_browser
from fix_gateway import GatewayProcess, free_port

WIDTH, HEIGHT = 1280, 800
SYMBOLS = ("HK.00001", "HK.09988", "US.MSFT", "SH.600519")
MESSAGES = 90
"""So many are awaited before the picture, so that all has settled."""

TIME_OF_DAY = "16:30:00+00:00"
"""Far from midnight in New York, where the simulator begins another day."""

SECURITY = "US.AAPL"
ACCOUNT = {"trd_env": "simulate", "acc_id": 987655, "trd_market": "US"}


def take(gateway: GatewayProcess, browser: Browser) -> bytes:
    """The page as a PNG, dark, after some orders and ticks."""
    size = {"width": WIDTH, "height": HEIGHT, "deviceScaleFactor": 1, "mobile": False}
    dark = [{"name": "prefers-color-scheme", "value": "dark"}]
    browser.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    browser.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": dark})
    browser.open(f"http://127.0.0.1:{gateway.port}/live")
    browser.wait_text("#bids tr td", bool)
    for symbol in SYMBOLS:
        browser.fill("#add-symbol", f"{symbol}\n")
    browser.click("#watch-list li:nth-child(2) button.row")
    browser.click(f"#account-list [title='{ACCOUNT['acc_id']}']")
    browser.wait_text("#bids tr td", bool)
    place_orders(gateway)
    browser.wait_text("#orders td.state.good", bool)
    browser.wait_text("#figure-seq", lambda text: int(text.replace(",", "")) >= MESSAGES)
    shown = browser.driver.execute_cdp_cmd("Page.captureScreenshot", {"format": "png"})
    return base64.b64decode(shown["data"])


def place_orders(gateway: GatewayProcess) -> None:
    """Some that fill and some that wait, at prices of the book."""
    book = gateway.post("/api/orderbook", {"security": SECURITY, "num": 10})["s2c"]
    bids, asks = book["order_book_bid_list"], book["order_book_ask_list"]
    for side, qty, level in ((1, 200, asks[2]), (1, 300, bids[6]), (2, 100, bids[3]), (2, 50, asks[8])):
        order = {**ACCOUNT, "trd_side": side, "order_type": 1, "code": SECURITY.partition(".")[2]}
        gateway.post("/api/order", {**order, "qty": qty, "price": level["price"]})


def main(file: Path) -> None:
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        simulator = {"clock": f"{datetime.now(UTC).date()}T{TIME_OF_DAY}@1"}
        opend = {"endpoints": [f"127.0.0.1:{free_port()}"], "simulator": simulator}
        gateway = GatewayProcess(directory, {"opend": opend})
        stack.callback(gateway.stop)
        browser = stack.enter_context(opened_browser(directory / "profile"))
        file.write_bytes(take(gateway.wait_ready(), browser))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
