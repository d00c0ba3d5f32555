"""Subscriptions over a real wire: OpenD restarts, and the worker's new session has them again."""

from fix_gateway import wait_until


def own_subscriptions(gateway):
    (own,) = (
        each for each in gateway.get("/api/sub-info")["s2c"]["conn_sub_info_list"] if each["is_own_conn_data"]
    )
    return {
        (each["sub_type"], security["code"])
        for each in own["sub_info_list"]
        for security in each["security_list"]
    }


def test_a_restart_of_opend_loses_no_subscription(start_gateway, simulator):
    opend = {"embedded": False, "endpoints": [simulator.address]}
    gateway = start_gateway({"opend": opend, "auth": {"mode": "local"}}).wait_ready()
    gateway.post(
        "/api/subscribe",
        {"security_list": ["US.AAPL"], "sub_type_list": ["Ticker"], "is_sub_or_un_sub": True},
    )
    gateway.post("/api/quote", {"security_list": ["HK.00700"]})
    before = own_subscriptions(gateway)
    assert before == {(4, "AAPL"), (1, "00700")}
    simulator.admin("restart")
    wait_until(lambda: gateway.log.count("connected, conn_id") >= 2 * 2)
    wait_until(lambda: own_subscriptions(gateway) == before)
