import json
import re
import socket
from pathlib import Path

import pytest
from fix_gateway import free_port

from gateway.cli.checkup import CHECKS


def checked(site, *arguments):
    """The exit status, and the verdict and text of each finding by what was looked at."""
    result = site.gw("check", *arguments, "--json")
    return result.exit_code, {row["name"]: (row["verdict"], row["text"]) for row in json.loads(result.stdout)}


@pytest.fixture
def quiet(site):
    """A site that nothing runs at, with one key."""
    site.write(
        {
            "server": {"bind": f"127.0.0.1:{free_port()}"},
            "opend": {"endpoints": [f"127.0.0.1:{free_port()}"]},
        }
    )
    assert site.gw("keys", "new", "bot", "--scopes", "qot:read").exit_code == 0
    return site


def test_site_that_is_ready_to_start_has_a_line_for_each_look(quiet):
    status, found = checked(quiet)
    assert status == 0
    assert list(found) == [name for name, _ in CHECKS]
    assert {verdict for verdict, _ in found.values()} == {"ok"}
    assert found["policy"] == ("ok", "keys: 1")
    head, *lines = quiet.gw("check").stdout.splitlines()
    assert head.split() == ["WHAT", "STATE", "FOUND"]
    assert len(lines) == len(CHECKS)


def test_wrong_settings_are_all_told_and_nothing_else_is_looked_at(site):
    site.config.write_text("auth:\n  moode: keys\nserver:\n  workers: none\n")
    result = site.gw("check", "--json")
    rows = json.loads(result.stdout)
    assert result.exit_code == 1
    assert [row["verdict"] for row in rows] == ["wrong", "wrong"]
    assert any(f"{site.config}:2:3: auth.moode" in row["text"] for row in rows)


def test_wrong_policy_is_told_with_its_place(quiet):
    quiet.policy.write_text("version: 1\nkeys:\n  - id: bot\n")
    quiet.policy.chmod(0o600)
    status, found = checked(quiet)
    assert (status, found["policy"][0]) == (1, "wrong")
    assert "policy.yaml:3" in found["policy"][1]


def test_policy_that_others_may_read_is_wrong(quiet):
    quiet.policy.chmod(0o644)
    status, found = checked(quiet)
    assert (status, found["policy"][0]) == (1, "wrong")
    assert "chmod 600" in found["policy"][1]


def test_no_key_and_keys_that_end_are_warnings(quiet):
    assert quiet.gw("keys", "revoke", "bot").exit_code == 0
    status, found = checked(quiet)
    assert (status, found["policy"][0]) == (0, "warning")
    assert quiet.gw("keys", "new", "old", "--scopes", "qot:read", "--expires-at", "2020-01-01T00:00:00Z")
    texts = [row["text"] for row in json.loads(quiet.gw("check", "--json").stdout) if row["name"] == "policy"]
    assert texts == ["key old has expired", "keys: 1"]


def test_files_that_others_may_read_are_warned_of(quiet):
    checked(quiet)
    ledger = quiet.directory / "var" / "ledger.db"
    ledger.chmod(0o644)
    status, found = checked(quiet)
    assert status == 0
    assert found["files"] == (
        "warning",
        f"{ledger} can be read or written by others: chmod 600 {ledger}",
    )


def test_ledger_that_is_no_ledger_is_wrong(quiet):
    (quiet.directory / "var").mkdir(exist_ok=True)
    (quiet.directory / "var" / "ledger.db").write_bytes(b"no database" * 100)
    status, found = checked(quiet)
    assert (status, found["ledger"][0]) == (1, "wrong")


def test_opend_that_cannot_be_reached_is_wrong(site):
    endpoint = f"127.0.0.1:{free_port()}"
    site.write(
        {
            "server": {"bind": f"127.0.0.1:{free_port()}"},
            "opend": {"embedded": False, "endpoints": [endpoint], "timeout_s": 1},
            "auth": {"mode": "local"},
        }
    )
    status, found = checked(site)
    assert (status, found["opend"][0]) == (1, "wrong")
    assert endpoint in found["opend"][1]


def test_address_that_another_program_has_is_wrong(site):
    with socket.create_server(("127.0.0.1", 0)) as other:
        other.settimeout(0.1)
        port = other.getsockname()[1]
        site.write({"server": {"bind": f"127.0.0.1:{port}"}, "auth": {"mode": "local"}})
        other.close()
    with socket.create_server(("127.0.0.1", port), backlog=1):
        status, found = checked(site)
    assert (status, found["address"][0]) == (1, "wrong")
    assert f"127.0.0.1:{port}" in found["address"][1]


def test_running_gateway_is_found_with_its_opend(start_gateway, site):
    gateway = start_gateway(
        {"opend": {"embedded": True, "endpoints": [f"127.0.0.1:{free_port()}"]}, "auth": {"mode": "local"}}
    ).wait_ready()
    site.write(gateway.settings)
    status, found = checked(site)
    assert status == 0, found
    assert re.fullmatch(rf"a gateway [0-9.]+ serves 127\.0\.0\.1:{gateway.port}", found["address"][1])
    assert re.fullmatch(r"OpenD \d+ is logged in for quotes and trading", found["opend"][1])


SECRETS = ("desk-7", "10.1.2.3", "hunter2", "secret-host", "987654", "quiet-name")


def test_doctor_tells_what_helps_and_nothing_secret(site):
    site.write(
        {
            "server": {"bind": "10.1.2.3:22222"},
            "opend": {"embedded": False, "endpoints": ["secret-host:11111"], "timeout_s": 0.2},
            "ledger": "redis://:hunter2@secret-host:1/0",
            "ws": {"allowed_origins": ["https://secret-host"]},
            "audit": "quiet-name/audit.jsonl",
        }
    )
    made = site.gw("keys", "new", "desk-7", "--scopes", "qot:read", "--allowed-acc-ids", "987654", "--json")
    token = json.loads(made.stdout)["token"]
    for arguments in ((), ("--json",)):
        result = site.gw("doctor", *arguments)
        assert result.exit_code == 0, result.output
        for secret in (*SECRETS, token, str(site.directory), str(Path.home())):
            assert secret not in result.stdout
    report = site.json("doctor")
    assert report["policy"] == {"keys": 1, "expired": 0, "with qot:read": 1}
    assert report["settings"]["server.bind"] == "another address"
    assert report["versions"]["flask"]
    assert [row["name"] for row in report["checks"]][:2] == ["settings", "policy"]


def test_doctor_works_where_nothing_does(site):
    site.config.write_text("auth: [")
    report = site.json("doctor")
    assert report["settings"] == {"problems": 1}
    assert report["checks"][0]["verdict"] == "wrong"
