import json
import re
import stat

import pytest

from gateway.policy.loader import load_policy
from gateway.policy.token import is_token
from gateway.scope import Scope

ALL_OPTIONS = {
    "--scopes": "qot:read,acc:read,trade:simulate",
    "--expires-at": "2027-01-01T00:00:00Z",
    "--allowed-acc-ids": "987654,281756479345015383",
    "--note": "the \u6e2f\u80a1 bot",
    "--allowed-markets": "HK,US",
    "--allowed-symbols": "HK.00700,US.AAPL",
    "--allowed-trd-sides": "BUY,SELL",
    "--max-order-value": "HKD=100000,USD=15000.5",
    "--max-daily-value": "500000",
    "--daily-reset": "00:00 Asia/Hong_Kong",
    "--max-orders-per-minute": "3",
    "--hours-window": "09:30-12:00 Asia/Hong_Kong",
    "--max-price-deviation": "2.5",
    "--duplicate-window": "10",
}
ARGUMENTS = [part for pair in ALL_OPTIONS.items() for part in pair]
WORDS = {
    "id": "bot",
    "scopes": ["acc:read", "qot:read", "trade:simulate"],
    "expires_at": "2027-01-01T00:00:00Z",
    "allowed_acc_ids": [987654, 281756479345015383],
    "note": "the \u6e2f\u80a1 bot",
    "limits": {
        "allowed_markets": ["HK", "US"],
        "allowed_symbols": ["HK.00700", "US.AAPL"],
        "allowed_trd_sides": ["BUY", "SELL"],
        "max_order_value": {"HKD": 100000, "USD": 15000.5},
        "max_daily_value": 500000,
        "daily_reset": "00:00 Asia/Hong_Kong",
        "max_orders_per_minute": 3,
        "hours_window": ["09:30-12:00 Asia/Hong_Kong", "13:00-16:00 Asia/Hong_Kong"],
        "max_price_deviation": 2.5,
        "duplicate_window": 10,
    },
}


def test_new_key_has_all_that_was_asked_and_its_token_authenticates(site):
    made = site.json("keys", "new", "bot", *ARGUMENTS, "--hours-window", "13:00-16:00 Asia/Hong_Kong")
    assert stat.S_IMODE(site.policy.stat().st_mode) == 0o600
    principal = load_policy(site.policy).find_principal(made["token"])
    assert principal.key_id == "bot"
    assert principal.scopes == {Scope.QUOTE_READ, Scope.ACCOUNT_READ, Scope.TRADE_SIMULATE}
    (listed,) = site.json("keys", "list")
    assert listed.pop("is_expired") in (True, False)
    assert listed == WORDS


def test_token_is_shown_once_with_what_to_do_next(site):
    result = site.gw("keys", "new", "reader", "--scopes", "qot:read")
    assert result.exit_code == 0
    (token,) = [word for word in result.stdout.split() if is_token(word)]
    assert result.stdout.count(token) == 1
    assert "Authorization: Bearer" in result.stdout
    assert "gw keys revoke reader" in result.stdout
    assert load_policy(site.policy).find_principal(token).key_id == "reader"
    for file in site.directory.rglob("*"):
        assert file.is_dir() or token.encode() not in file.read_bytes()
    assert token not in site.gw("keys", "list").output


@pytest.mark.parametrize(
    ("scopes", "path"),
    [
        ("qot:read", "/api/global-state"),
        ("acc:read,qot:read", "/api/global-state"),
        ("trade:real,acc:read", "/api/accounts"),
    ],
)
def test_call_to_try_needs_the_key(site, scopes, path):
    (line,) = re.findall(r"^Try: .*$", site.gw("keys", "new", "bot", "--scopes", scopes).stdout, re.MULTILINE)
    assert line.endswith(path)


def test_key_that_can_read_nothing_gets_no_call_to_try(site):
    assert "Try:" not in site.gw("keys", "new", "bot", "--scopes", "trade:simulate").stdout


def test_in_local_mode_it_says_that_no_key_is_asked_for(site):
    site.write({"auth": {"mode": "local"}})
    assert "auth.mode: local" in site.gw("keys", "new", "reader", "--scopes", "qot:read").stdout


def test_list_is_a_table_that_lines_up(site):
    site.gw("keys", "new", "bot", *ARGUMENTS)
    site.gw("keys", "new", "second", "--scopes", "qot:read", "--expires-at", "2020-01-01T00:00:00Z")
    head, first, second = site.gw("keys", "list").stdout.splitlines()
    assert head.split() == ["ID", "SCOPES", "ACCOUNTS", "EXPIRES", "LIMITS", "NOTE"]
    assert "987654,281756479345015383" in first
    assert "max_order_value HKD=100000,USD=15000.5; max_daily_value 500000" in first
    assert first.endswith("the \u6e2f\u80a1 bot")
    assert second.split() == ["second", "qot:read", "any", "2020-01-01T00:00:00Z", "(over)", "none", "-"]
    assert second.index("qot:read") == head.index("SCOPES") == first.index("acc:read")


def test_list_without_keys_says_that_nobody_is_let_in(site):
    site.policy.write_text("version: 1\nkeys: []\n")
    site.policy.chmod(0o600)
    assert "nobody is let in" in site.gw("keys", "list").stdout
    assert site.json("keys", "list") == []


@pytest.mark.parametrize(
    ("option", "value", "text"),
    [
        ("--scopes", "qot:write", "'qot:write' is not accepted; known are acc:read"),
        ("--scopes", "qot:read,", "'' is not accepted"),
        ("--allowed-markets", "hk", "'hk' is not accepted"),
        ("--allowed-acc-ids", "12a", "are no account ids"),
        ("--max-order-value", "HKD=1e3", "no plain number"),
        ("--max-order-value", "HKD=NaN", "no plain number"),
        ("--max-order-value", "-5", "no plain number"),
        ("--max-order-value", "HKD=1,HKD=2", "given twice"),
        ("--max-order-value", "XYZ=1", "is no currency of"),
        ("--max-order-value", "1234567890123456789", "digits"),
        ("--max-price-deviation", "500", "at most 100"),
        ("--max-orders-per-minute", "many", "not a valid integer"),
        ("--max-orders-per-minute", "-1", "greater than or equal to 0"),
        ("--hours-window", "9-12", "must be a window"),
        ("--daily-reset", "midnight", "must be a time"),
        ("--expires-at", "tomorrow", "must be a moment"),
        ("--allowed-symbols", "00700", "is no symbol"),
    ],
)
def test_option_that_cannot_be_is_not_understood_and_makes_no_key(site, option, value, text):
    result = site.gw("keys", "new", "bot", "--scopes", "qot:read", option, value)
    assert result.exit_code == 2
    assert text in result.stderr
    assert not site.policy.exists()
    assert not site.audit.exists()


def test_second_key_of_a_name_is_a_problem(site):
    site.gw("keys", "new", "bot", "--scopes", "qot:read")
    before = site.policy.read_bytes()
    result = site.gw("keys", "new", "bot", "--scopes", "qot:read")
    assert result.exit_code == 1
    assert str(site.policy) in result.stderr
    assert site.policy.read_bytes() == before


def test_policy_that_others_can_read_is_a_problem(site):
    site.gw("keys", "new", "bot", "--scopes", "qot:read")
    site.policy.chmod(0o644)
    result = site.gw("keys", "list")
    assert result.exit_code == 1
    assert "chmod 600" in result.stderr


def test_revoked_key_is_unknown(site):
    token = site.json("keys", "new", "bot", "--scopes", "qot:read")["token"]
    assert site.json("keys", "revoke", "bot") == {"revoked": "bot"}
    assert load_policy(site.policy).find_principal(token) is None
    result = site.gw("keys", "revoke", "bot")
    assert result.exit_code == 1
    assert "no key bot" in result.stderr


def test_import_of_a_keys_json(site):
    source = site.directory / "keys.json"
    flat = {"id": "a", "hash": "ab" * 32, "scopes": ["qot:read"], "max_orders_per_minute": 3, "note": None}
    nested = {"id": "b", "hash": "sha256:" + "cd" * 32, "scopes": [], "limits": {"allowed_markets": ["HK"]}}
    source.write_text(json.dumps({"version": 1, "keys": [flat, nested]}))
    assert site.json("keys", "import", str(source)) == {"imported": ["a", "b"]}
    first, second = load_policy(site.policy).keys
    assert first.digest == bytes.fromhex("ab" * 32)
    assert first.principal.limits.max_orders_per_minute == 3
    assert second.principal.limits.allowed_markets == {"HK"}
    result = site.gw("keys", "import", str(source))
    assert result.exit_code == 1
    assert len(load_policy(site.policy).keys) == 2


def test_import_of_a_missing_file_is_not_understood(site):
    assert site.gw("keys", "import", "none.json").exit_code == 2


def test_changes_are_on_record_without_a_token(site):
    token = site.json("keys", "new", "bot", "--scopes", "qot:read")["token"]
    site.gw("keys", "revoke", "bot")
    lines = site.audited()
    assert [(line["kind"], line["route"], line["key_id"]) for line in lines] == [
        ("keys", "gw keys new", "bot"),
        ("keys", "gw keys revoke", "bot"),
    ]
    assert all(line["actor"] for line in lines)
    assert token not in site.audit.read_text()


def test_token_is_shown_though_the_audit_cannot_be_written(site):
    site.audit.mkdir(parents=True)
    result = site.gw("keys", "new", "bot", "--scopes", "qot:read")
    assert result.exit_code == 1
    assert "audit" in result.stderr
    assert any(map(is_token, result.stdout.split()))
