import pytest


def access_lines(caplog):
    return [record.getMessage() for record in caplog.records if record.name == "gateway.access"]


@pytest.mark.parametrize("proposed", ["a", "A-b_c.9", "x" * 64])
@pytest.mark.parametrize("path", ["/api/accounts", "/health", "/nothing"])
def test_a_sane_request_id_comes_back(gateway, proposed, path):
    assert gateway.get(path, headers={"X-Request-Id": proposed}).headers.getlist("X-Request-Id") == [proposed]


@pytest.mark.parametrize("proposed", ["", "a b", "x" * 65, "a,b", "é", "a/b", "a\tb"])
def test_another_request_id_is_replaced(gateway, proposed):
    given = gateway.get("/nothing", headers={"X-Request-Id": proposed}).headers["X-Request-Id"]
    assert given != proposed
    assert len(given) == 16


def test_each_request_has_an_id_of_its_own(gateway):
    assert len({gateway.get("/health").headers["X-Request-Id"] for _ in range(10)}) == 10


def test_one_access_line_a_request_names_the_route_and_not_the_query(gateway, caplog):
    caplog.set_level("INFO", "gateway.access")
    gateway.get("/api/sub-info?is_req_all_conn=true&token=fc_secret", headers={"X-Request-Id": "r1"})
    gateway.get("/api/fc_secret", headers={"X-Request-Id": "r2"})
    assert access_lines(caplog) == ["GET /api/sub-info 400 0.0 ms r1", "GET - 404 0.0 ms r2"]


def test_the_access_line_tells_how_long_it_took(gateway, caplog):
    caplog.set_level("INFO", "gateway.access")
    call = gateway.opend.call

    def slow_call(*arguments, **keywords):
        gateway.clock.advance(1.5)
        return call(*arguments, **keywords)

    gateway.opend.call = slow_call
    gateway.get("/api/accounts", headers={"X-Request-Id": "r"})
    assert access_lines(caplog) == ["GET /api/accounts 200 1500.0 ms r"]
    assert caplog.records[-1].elapsed_ms == 1500.0


def test_head_answers_as_get_does_without_the_body(gateway):
    get, head = gateway.get("/api/accounts"), gateway.request("HEAD", "/api/accounts")
    assert head.status_code == 200
    assert head.data == b""
    assert head.headers["Content-Length"] == get.headers["Content-Length"] == str(len(get.data))


def test_an_answer_is_json_and_nothing_more(gateway):
    headers = gateway.get("/api/accounts").headers
    assert headers["Content-Type"] == "application/json"
    assert set(headers.keys()) == {"Content-Type", "Content-Length", "X-Request-Id"}
