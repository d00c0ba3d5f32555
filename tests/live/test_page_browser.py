"""The page at /live in Chromium, as its reader sees it: real workers, the simulator, and a real socket."""

import signal

from fix_gateway import free_port, wait_until
from web.fix_web import token_of, write_policy

PAPER = {"trd_env": "simulate", "acc_id": 987654, "trd_market": "HK"}
ORDER = {**PAPER, "trd_side": 1, "order_type": 1, "code": "00700", "qty": 100, "price": 300.0}
CANCEL = {"modify_order_op": 2, "qty": 0, "price": 0}
SCOPES = ["qot:read", "acc:read"]
TOKEN = token_of("reader")
APPLE_PRICE = "#watch-list li:nth-child(2) .what b"
FIRST_STATE = "#orders tr:first-child td.state"


def embedded(**settings):
    """Settings with a market in which every few seconds are a minute."""
    simulator = {"clock": "2026-03-02T10:30:00-05:00@20"}
    return {"opend": {"endpoints": [f"127.0.0.1:{free_port()}"], "simulator": simulator}, **settings}


def wait_ticks(browser, selector):
    """Wait until a price is there, and then until it is another one."""
    first = browser.wait_text(selector, lambda text: text not in ("", "-"))
    browser.wait_text(selector, lambda text: text != first)


def test_prices_tick_and_an_order_appears_and_changes(start_gateway, browser):
    gateway = start_gateway(embedded()).wait_ready()
    browser.open(f"http://127.0.0.1:{gateway.port}/live")
    browser.wait_text("#lamp-socket b", lambda text: text == "open")
    browser.wait_text("#lamp-opend b", lambda text: text == "connected")
    browser.wait_text("#figure-rtt", lambda text: text.endswith(" ms"))
    wait_ticks(browser, APPLE_PRICE)
    for panel in ("#asks tr:last-child td", "#bids tr:first-child td", "#tape tr td"):
        browser.wait_text(panel, bool)
    browser.wait_text("#chart-legend", lambda text: "C " in text)
    assert browser.wait_text("#account-list button", bool).startswith("PAPER")
    browser.wait_text("#orders", lambda text: text == "No orders today.")

    order_id = str(gateway.post("/api/order?int64=string", ORDER)["s2c"]["order_id"])
    browser.wait_text(FIRST_STATE, lambda text: text == "Submitted")
    gateway.post("/api/modify-order", {**PAPER, **CANCEL, "order_id": order_id})
    browser.wait_text(FIRST_STATE, lambda text: text == "Cancelled")

    # An account id of 18 digits, as a text, stays what it is.
    browser.click("#account-list [title='281756479345015383']")
    browser.wait_text("#orders-of", lambda text: text == "of 281756479345015383, REAL")

    # What is refused is told at its place, and the other symbols go on.
    browser.fill("#add-symbol", "hk.99999\n")
    browser.wait_text("#watch-list li:nth-child(3) .fault", bool)
    wait_ticks(browser, APPLE_PRICE)
    browser.click("#watch-list li:nth-child(3) .remove")
    browser.wait_text("#head-symbol", lambda text: text == "HK.00700")

    assert browser.text("#figure-lost") == "0"
    assert browser.console() == []
    asked = browser.addresses()
    assert f"127.0.0.1:{gateway.port}/ws" in asked
    assert {address.partition("/")[0] for address in asked} == {f"127.0.0.1:{gateway.port}"}


def test_a_pasted_token_opens_it_and_it_outlives_a_reload_of_the_gateway(start_gateway, browser, tmp_path):
    policy = tmp_path / "policy.yaml"
    write_policy(policy, {"id": "reader", "scopes": ["qot:read"]}, {"id": "owner", "scopes": SCOPES})
    gateway = start_gateway(embedded(auth={"mode": "keys", "policy": str(policy)})).wait_ready()
    browser.open(f"http://127.0.0.1:{gateway.port}/live")
    browser.wait_text("#token-form label", bool)
    browser.fill("#token", "fc_wrong\n")
    browser.wait_text("#token-error", lambda text: "valid token" in text)
    browser.fill("#token", f"{TOKEN}\n")
    browser.wait_text("#lamp-socket b", lambda text: text == "open")
    wait_ticks(browser, APPLE_PRICE)
    # This key may not see accounts, and the page says so where they would be.
    browser.wait_text("#accounts-fault", lambda text: "scope" in text)

    browser.addresses()
    gateway.signal(signal.SIGHUP)
    wait_until(lambda: f"127.0.0.1:{gateway.port}/ws" in browser.addresses())
    browser.wait_text("#lamp-socket b", lambda text: text == "open")
    wait_ticks(browser, APPLE_PRICE)

    # What one key may see does not stay for the next.
    browser.click("#forget")
    browser.fill("#token", f"{token_of('owner')}\n")
    browser.wait_text("#account-list button", bool)
    write_policy(policy)
    browser.wait_text("#token-error", lambda text: "4401" in text)
    assert browser.text("#account-list") == browser.text("#orders") == ""
    assert TOKEN not in browser.driver.current_url
    assert TOKEN not in gateway.log
