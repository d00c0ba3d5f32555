"""The gateway as users start it: gunicorn with the project's own configuration, real processes."""

import json
import os
import resource
import signal
import socket
from contextlib import suppress

import pytest
from e2e.examples import BODIES, PAGE_QUOTE
from fix_gateway import GatewayProcess, free_port, is_running, wait_until

AWAY = {"embedded": False, "endpoints": ["127.0.0.1:1"]}
"""An OpenD that is not there: enough for all that does not ask it."""
LOCAL = {"mode": "local"}
WITHOUT_OPEND = {"opend": AWAY, "auth": LOCAL}


def embedded_settings():
    return {"opend": {"embedded": True, "endpoints": [f"127.0.0.1:{free_port()}"]}}


@pytest.fixture
def gateway(start_gateway):
    """A gateway with one worker and no OpenD."""
    return start_gateway(WITHOUT_OPEND).wait_ready()


@pytest.fixture(scope="module")
def shared_gateway(tmp_path_factory):
    """The same, for tests that change nothing about it."""
    gateway = GatewayProcess(tmp_path_factory.mktemp("shared"), WITHOUT_OPEND).wait_ready()
    yield gateway
    gateway.stop()


def exchange(gateway, *parts):
    """Send raw bytes on one connection and return all that comes back until the gateway closes it."""
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=30) as connection:
        for part in parts:
            connection.sendall(part)
        connection.shutdown(socket.SHUT_WR)
        received = b""
        while data := connection.recv(65536):
            received += data
        return received


def send_repeatedly(connection, part, times):
    for _ in range(times):
        connection.sendall(part)


def head(method, path, *headers):
    return "\r\n".join([f"{method} {path} HTTP/1.1", "Host: localhost", *headers, "", ""]).encode()


def test_it_serves_and_says_what_runs_and_how_to_try_it(shared_gateway):
    assert shared_gateway.get("/health")["status"] == "ok"
    assert "trd_env numbering documented, auth mode local, OpenD: 127.0.0.1:1" in shared_gateway.log
    assert f"curl -X POST http://127.0.0.1:{shared_gateway.port}/api/quote" in shared_gateway.log
    shared_gateway.wait_for("GET /health 200")


def test_gateway_bind_names_another_address(start_gateway):
    port = free_port()
    gateway = start_gateway(WITHOUT_OPEND, GATEWAY_BIND=f"127.0.0.1:{port}").wait_ready()
    gateway.port = port
    assert gateway.get("/health")["status"] == "ok"


def test_a_request_while_opend_is_away_fails_with_a_clear_error(shared_gateway):
    response, body = shared_gateway.request("GET", "/api/global-state")
    assert response.status == 500
    assert "127.0.0.1:1" in json.loads(body)["error"]


@pytest.mark.parametrize(
    "number", [signal.SIGTERM, signal.SIGINT, signal.SIGQUIT], ids=lambda each: each.name
)
def test_a_signal_leaves_no_process_behind(start_gateway, number):
    gateway = start_gateway(embedded_settings()).wait_ready()
    children = wait_until(lambda: gateway.children if len(gateway.children) == 2 else None)
    gateway.signal(number)
    assert gateway.wait_end() == 0
    assert not [child for child in children if is_running(child)]


def test_a_killed_master_leaves_no_process_behind(start_gateway):
    gateway = start_gateway(embedded_settings()).wait_ready()
    children = wait_until(lambda: gateway.children if len(gateway.children) == 2 else None)
    gateway.signal(signal.SIGKILL)
    gateway.wait_end()
    wait_until(lambda: not any(is_running(child) for child in children))


def test_the_embedded_simulator_answers_the_pages_first_post(start_gateway):
    gateway = start_gateway(embedded_settings()).wait_ready()
    answer = gateway.post("/api/quote", PAGE_QUOTE.encode())
    assert [quote["security"]["code"] for quote in answer["s2c"]["basic_qot_list"]] == ["00700"]
    order = gateway.post("/api/order", BODIES["order"])
    assert order["ret_type"] == 0
    assert order["s2c"]["order_id_ex"]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("server:\n  wrkers: 2\n", ":2:3: server.wrkers: unknown name; did you mean workers?"),
        ("server:\n  workers: 1\nserver: {}\n", ":3:1: server is given twice (first in line 1)"),
        ("opend:\n  embedded: false\n", ":1:1: auth.mode: has to be written"),
        ("server:\n  bind: 0.0.0.0:22222\n", ":2:9: server.bind: auth.mode local"),
        ("a: [", "not YAML"),
    ],
)
def test_a_broken_file_is_refused_before_anything_listens(start_gateway, text, problem):
    gateway = start_gateway(WITHOUT_OPEND, GATEWAY_CONFIG="")
    gateway.signal(signal.SIGKILL)
    gateway.wait_end()
    gateway.write(text)
    broken = start_gateway({}, GATEWAY_CONFIG=str(gateway.file))
    assert broken.wait_end() == 1
    assert f"{gateway.file}" in broken.log
    assert problem in broken.log
    assert "Listening" not in broken.log
    assert "Traceback" not in broken.log


def test_a_port_that_is_taken_is_told_at_once(start_gateway, shared_gateway):
    second = start_gateway(WITHOUT_OPEND, GATEWAY_BIND=f"127.0.0.1:{shared_gateway.port}")
    assert second.wait_end() == 1
    assert (
        f"cannot listen on 127.0.0.1:{shared_gateway.port} (server.bind): Address already in use"
        in second.log
    )


def test_a_simulator_port_that_is_taken_is_told_at_once(start_gateway):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        gateway = start_gateway({"opend": {"embedded": True, "endpoints": [f"127.0.0.1:{port}"]}})
        assert gateway.wait_end() == 1
    assert f"cannot listen on 127.0.0.1:{port} (opend.endpoints): Address already in use" in gateway.log


@pytest.mark.parametrize("address", ["0.0.0.0:0", "unix:/tmp/opend-gateway-test.sock"])
def test_gunicorns_own_bind_does_not_open_local_mode_to_others(start_gateway, address):
    gateway = start_gateway(WITHOUT_OPEND, "--bind", address)
    assert gateway.wait_end() == 1
    assert "auth.mode local serves" in gateway.log
    assert "Listening" not in gateway.log


def test_a_broken_file_and_a_reload_and_a_dead_worker_change_nothing(gateway):
    gateway.write("server: [")
    gateway.signal(signal.SIGHUP)
    gateway.wait_for("reloaded: trd_env numbering documented")
    assert "the settings stay as they were: " in gateway.log
    assert gateway.get("/health")["status"] == "ok"
    (worker,) = wait_until(lambda: gateway.children if len(gateway.children) == 1 else None)
    os.kill(worker, signal.SIGKILL)
    wait_until(lambda: gateway.children not in ([], [worker]))
    assert gateway.get("/health")["status"] == "ok"
    assert gateway.process.poll() is None


def test_a_key_file_that_vanished_costs_no_gateway(start_gateway, rsa_key_file):
    opend = {**AWAY, "rsa_key": str(rsa_key_file)}
    gateway = start_gateway({"opend": opend, "auth": LOCAL}).wait_ready()
    (worker,) = wait_until(lambda: gateway.children)
    assert gateway.get("/health")["opend"]["is_encrypted"] is True
    content = rsa_key_file.read_bytes()
    rsa_key_file.unlink()
    os.kill(worker, signal.SIGKILL)
    gateway.wait_for("this worker cannot start")
    rsa_key_file.write_bytes(content)
    assert gateway.get("/health")["opend"]["is_encrypted"] is True
    assert gateway.process.poll() is None


def test_workers_that_cannot_write_a_file_are_tried_again_and_cost_no_gateway(start_gateway):
    gateway = start_gateway({"opend": AWAY, "auth": LOCAL}).wait_ready()
    (first,) = wait_until(lambda: gateway.children)
    limit_files(gateway.process.pid, 0)
    os.kill(first, signal.SIGKILL)
    tried = {first}
    wait_until(lambda: tried.update(gateway.children) or len(tried) > 2)
    for process in (gateway.process.pid, *gateway.children):
        limit_files(process, resource.RLIM_INFINITY)
    assert gateway.get("/health")["status"] == "ok"
    assert gateway.process.poll() is None


def limit_files(pid, size):
    """Set how long writes of a process may make a file; those that it starts have it of it."""
    with suppress(ProcessLookupError):
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


def test_a_reload_takes_over_what_changed(gateway):
    gateway.write({**gateway.settings, "api": {"trd_env_numbering": "official"}})
    gateway.signal(signal.SIGHUP)
    gateway.wait_for("reloaded: trd_env numbering official")
    wait_until(lambda: gateway.get("/health")["trd_env_numbering"] == "official")


def test_a_reload_does_not_move_the_listener(gateway):
    gateway.write({**gateway.settings, "server": {"bind": f"127.0.0.1:{free_port()}", "workers": 1}})
    gateway.signal(signal.SIGHUP)
    gateway.wait_for("change with a restart alone")
    gateway.wait_for("reloaded: ")
    assert gateway.get("/health")["status"] == "ok"


def assert_json_error(received, text):
    start, _, body = received.partition(b"\r\n\r\n")
    assert start.startswith(b"HTTP/1.1 400 "), received
    assert b"Content-Type: application/json" in start
    assert b"X-Request-Id: " in start
    assert text in json.loads(body)["error"]


@pytest.mark.parametrize(
    ("sent", "text"),
    [
        (b"GARBAGE\r\n\r\n", "not a valid HTTP request"),
        (head("GET", "/" + "x" * 9000), "not a valid HTTP request"),
        (head("GET", "/health", "A: " + "x" * 9000), "not a valid HTTP request"),
        (head("GET", "/health", *(f"A{number}: 1" for number in range(200))), "not a valid HTTP request"),
        (head("GET", "/health", "Expect: miracles"), "not a valid HTTP request"),
        (head("POST", "/api/funds", "Transfer-Encoding: gzip"), "not a valid HTTP request"),
        (head("POST", "/api/funds", "Content-Length: -1"), "not a valid HTTP request"),
        (head("POST", "/api/funds", "Content-Length: 1", "Content-Length: 2"), "not a valid HTTP request"),
        (
            head("POST", "/api/funds", "Content-Type: application/json", "Transfer-Encoding: chunked")
            + b"zz\r\n",
            "the body could not be read to its end",
        ),
        (
            head("POST", "/api/funds", "Content-Type: application/json", "Content-Length: 10") + b"{}",
            "the body is shorter than its Content-Length",
        ),
    ],
)
def test_what_is_not_http_is_a_json_400(shared_gateway, sent, text):
    assert_json_error(exchange(shared_gateway, sent), text)


def test_a_chunked_body_is_read(shared_gateway):
    sent = head("POST", "/api/funds", "Content-Type: application/json", "Transfer-Encoding: chunked")
    received = exchange(shared_gateway, sent, b"1\r\n{\r\n", b'8\r\n"zz": 1}\r\n0\r\n\r\n')
    assert b'"field":"zz"' in received


def test_after_a_body_that_is_too_large_the_connection_goes_on(shared_gateway):
    large = head("POST", "/api/funds", "Content-Type: application/json", "Content-Length: 300000")
    received = exchange(shared_gateway, large, bytes(300000), head("GET", "/health"))
    assert received.startswith(b"HTTP/1.1 400 ")
    assert b"the body is larger than 262144 bytes" in received
    assert received.count(b"HTTP/1.1 200 ") == 1


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("POST", "/api/funds", 400), ("GET", "/health", 200), ("PUT", "/nothing", 404)],
)
@pytest.mark.parametrize("length", ["Content-Length: 99999999999", "Transfer-Encoding: chunked"])
def test_a_body_without_end_gets_its_answer_and_the_connection_ends(
    shared_gateway, method, path, status, length
):
    sent = head(method, path, "Content-Type: application/json", length)
    part = b"10000\r\n" + bytes(65536) + b"\r\n"
    with socket.create_connection(("127.0.0.1", shared_gateway.port), timeout=30) as connection:
        connection.sendall(sent + part * 8)
        assert connection.recv(65536).startswith(f"HTTP/1.1 {status} ".encode())
        with pytest.raises(ConnectionError):
            send_repeatedly(connection, part, 4096)


def test_a_caller_who_waits_for_100_continue_gets_it(shared_gateway):
    sent = head(
        "POST", "/api/funds", "Content-Type: application/json", "Content-Length: 2", "Expect: 100-continue"
    )
    received = exchange(shared_gateway, sent, b"{}")
    assert received.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 400 ")


def test_with_a_real_opend_every_line_is_json_and_names_its_request(start_gateway):
    gateway = start_gateway(WITHOUT_OPEND).wait_ready()
    gateway.request("GET", "/api/accounts", headers={"X-Request-Id": "ask-7"})
    gateway.wait_for('"route": "/api/accounts"')
    exchange(gateway, b"GARBAGE\r\n\r\n")
    gateway.wait_for("not HTTP")
    assert gateway.stop() == 0
    lines = [json.loads(line) for line in gateway.log.splitlines()]
    assert [line["status"] for line in lines if line["logger"] == "gateway.access"] == ["500"]
    named = [line["level"] for line in lines if line.get("request_id") == "ask-7"]
    assert named == ["warning", "info"]
    assert all("request_id" in line for line in lines if "(request " in line["message"])


def test_with_the_simulator_lines_are_for_people(start_gateway):
    gateway = start_gateway(embedded_settings()).wait_ready()
    assert not [line for line in gateway.log.splitlines() if line.startswith("{")]
