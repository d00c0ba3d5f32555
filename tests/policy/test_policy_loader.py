import stat
from decimal import Decimal
from pathlib import Path

import pytest
from fix_policy import at

from gateway.order import Side
from gateway.policy.hours import parse_reset, parse_window
from gateway.policy.loader import load_policy, parse_policy
from gateway.policy.model import Caps, Key, Limits, Principal
from gateway.scope import Scope
from gateway.yaml_text import ConfigurationError

HASH = "ab" * 32

DOCUMENTED = f"""\
version: 1
keys:
  - id: sim-bot
    hash: "sha256:{HASH}"
    scopes: [qot:read, acc:read, trade:simulate]
    expires_at: 2027-01-01T00:00:00Z       # left out: never
    allowed_acc_ids: [8377516]             # left out: any
    note: paper trading
    limits:                                # each left out: no such limit; an empty list allows nothing
      allowed_markets: [HK, US]
      allowed_symbols: [HK.00700, US.AAPL]
      allowed_trd_sides: [BUY, SELL]
      max_order_value: {{HKD: 100000, USD: 15000}}   # or one number, in the order's own currency
      max_daily_value: {{HKD: 500000, USD: 60000}}
      daily_reset: "00:00 Asia/Hong_Kong"          # default "00:00 UTC"
      max_orders_per_minute: 3
      hours_window: ["09:30-12:00 Asia/Hong_Kong", "13:00-16:00 Asia/Hong_Kong"]   # or one string
      max_price_deviation: 5               # per cent of the last price
      duplicate_window: 10                 # seconds
"""


def test_documented_example_is_read_whole() -> None:
    limits = Limits(
        allowed_markets=frozenset({"HK", "US"}),
        allowed_symbols=frozenset({"HK.00700", "US.AAPL"}),
        allowed_trd_sides=frozenset({Side.BUY, Side.SELL}),
        max_order_value=Caps(by_currency={"HKD": Decimal(100000), "USD": Decimal(15000)}),
        max_daily_value=Caps(by_currency={"HKD": Decimal(500000), "USD": Decimal(60000)}),
        daily_reset=parse_reset("00:00 Asia/Hong_Kong"),
        max_orders_per_minute=3,
        hours_window=(parse_window("09:30-12:00 Asia/Hong_Kong"), parse_window("13:00-16:00 Asia/Hong_Kong")),
        max_price_deviation=Decimal(5),
        duplicate_window_s=10,
    )
    principal = Principal(
        key_id="sim-bot",
        scopes=frozenset({Scope.QUOTE_READ, Scope.ACCOUNT_READ, Scope.TRADE_SIMULATE}),
        allowed_acc_ids=frozenset({8377516}),
        limits=limits,
        expires_s=at("2027-01-01T00:00"),
        note="paper trading",
    )
    assert parse_policy(DOCUMENTED, "policy.yaml").keys == (Key(bytes.fromhex(HASH), principal),)


def key_with(lines: str) -> str:
    """A file whose one key ends with `lines`, which begin in line 6."""
    return f'version: 1\nkeys:\n  - id: bot\n    hash: "{HASH}"\n    scopes: []\n{lines}'


def limits_with(lines: str) -> Limits:
    text = key_with("    limits:\n" + "".join(f"      {line}\n" for line in lines.splitlines()))
    (key,) = parse_policy(text, "policy.yaml").keys
    return key.principal.limits


def test_everything_left_out_is_no_limit() -> None:
    (key,) = parse_policy(key_with(""), "policy.yaml").keys
    assert key.principal == Principal(key_id="bot", scopes=frozenset())


def test_empty_lists_allow_nothing() -> None:
    limits = limits_with("allowed_markets: []\nallowed_symbols: []\nallowed_trd_sides: []\nhours_window: []")
    assert limits == Limits(
        allowed_markets=frozenset(),
        allowed_symbols=frozenset(),
        allowed_trd_sides=frozenset(),
        hours_window=(),
    )
    (key,) = parse_policy(key_with("    allowed_acc_ids: []\n"), "policy.yaml").keys
    assert key.principal.allowed_acc_ids == frozenset()
    assert parse_policy("version: 1\nkeys: []\n", "policy.yaml").keys == ()


def test_one_number_caps_every_currency_and_a_mapping_those_it_lists() -> None:
    limits = limits_with("max_order_value: 0.1\nmax_daily_value: {}")
    assert limits.max_order_value == Caps(of_any=Decimal("0.1"))
    assert limits.max_order_value.cap("JPY") == Decimal("0.1")
    assert limits.max_daily_value == Caps(by_currency={})
    assert limits.max_daily_value.cap("HKD") == 0
    exact = limits_with("max_order_value: 123456789.123456").max_order_value
    assert exact == Caps(of_any=Decimal("123456789.123456"))


def test_one_window_and_plain_times_are_read_as_written() -> None:
    limits = limits_with("hours_window: 22:30-05:00\ndaily_reset: 22:30\nmax_price_deviation: 2.5")
    assert limits.hours_window == (parse_window("22:30-05:00 UTC"),)
    assert limits.daily_reset == parse_reset("22:30 UTC")
    assert limits.max_price_deviation == Decimal("2.5")


KEY = f'  - id: bot\n    hash: "{HASH}"\n    scopes: []\n'

BAD_FILES = [
    ("", "policy.yaml: version: is missing"),
    ("keys: []\n", "policy.yaml:1:1: version: is missing"),
    ("version: 1\n", "policy.yaml:1:1: keys: is missing"),
    ("version: 2\nkeys: []\n", "policy.yaml:1:10: version: must be 1, found 2"),
    ("version: true\nkeys: []\n", "policy.yaml:1:10: version: must be 1, found True"),
    ("version: 1\nkeys:\n", "policy.yaml:2:6: keys: has no value"),
    ("version: 1\nkeys: {}\n", "policy.yaml:2:7: keys: must be a valid array"),
    ("version: 1\nkeys: []\nkey: []\n", "policy.yaml:3:1: key: unknown name; did you mean keys?"),
    ("version: 1\nkeys: []\nversion: 1\n", "policy.yaml:3:1: version is given twice"),
    ("version: 1\nkeys: [\n", "policy.yaml:3:1: not YAML"),
    ("version: 1\nkeys: []\n---\nversion: 1\n", "policy.yaml:3:1: not YAML"),
    (f"version: 1\nkeys:\n{KEY}{KEY}", "policy.yaml:6:9: keys.1.id: another key has this id"),
    (
        f"version: 1\nkeys:\n{KEY}{KEY.replace('bot', 'other').replace('ab', 'AB')}",
        "policy.yaml:7:11: keys.1.hash: another key has this hash",
    ),
    (f"version: 1\nkeys:\n{KEY.replace('bot', '-bot')}", "policy.yaml:3:9: keys.0.id: must be 1 to 64"),
    (
        f"version: 1\nkeys:\n{KEY.replace('bot', '12')}",
        "policy.yaml:3:9: keys.0.id: must be a text, found 12",
    ),
    (
        f"version: 1\nkeys:\n{KEY.replace('ab', 'x')}",
        "policy.yaml:4:11: keys.0.hash: must be the token's SHA-256",
    ),
    (
        f"version: 1\nkeys:\n{KEY.replace(HASH, 'fc_' + HASH)}",
        "policy.yaml:4:11: keys.0.hash: must be the token's SHA-256, sha256: and 64 hex digits, in quotes; "
        "this is a token",
    ),
    (
        f"version: 1\nkeys:\n{KEY.replace('[]', '[trade]')}",
        "policy.yaml:5:14: keys.0.scopes.0: 'trade' is not one of",
    ),
    (
        f"version: 1\nkeys:\n{KEY.replace('[]', 'qot:read')}",
        "policy.yaml:5:13: keys.0.scopes: must be a valid array",
    ),
    (key_with("    scope: []\n"), "policy.yaml:6:5: keys.0.scope: unknown name; did you mean scopes?"),
    (key_with("    expires_at: 2027-01-01\n"), "policy.yaml:6:17: keys.0.expires_at: must be a moment"),
    (key_with("    expires_at:\n"), "policy.yaml:6:16: keys.0.expires_at: has no value"),
    (key_with("    note: 7\n"), "policy.yaml:6:11: keys.0.note: must be a valid string, found 7"),
    (key_with("    limits: [3]\n"), "policy.yaml:6:13: keys.0.limits: must be an object"),
    (
        key_with('    allowed_acc_ids: ["1"]\n'),
        "policy.yaml:6:23: keys.0.allowed_acc_ids.0: must be a valid integer",
    ),
    (key_with("    allowed_acc_ids: [0]\n"), "policy.yaml:6:23: keys.0.allowed_acc_ids.0: must be greater"),
    (key_with("    allowed_acc_ids: 5\n"), "policy.yaml:6:22: keys.0.allowed_acc_ids: must be a valid array"),
    (key_with("    allowed_acc_ids:\n"), "policy.yaml:6:21: keys.0.allowed_acc_ids: has no value"),
    (key_with("    limits: &x {}\n    note: *x\n"), "policy.yaml:7:11: not YAML: aliases"),
]

BAD_LIMITS = [
    ("allowed_market: [HK]", ":7: keys.0.limits.allowed_market: unknown name; did you mean allowed_markets?"),
    ("allowed_markets: HK", ":24: keys.0.limits.allowed_markets: must be a valid array"),
    ("allowed_markets:", ":23: keys.0.limits.allowed_markets: has no value; leave the name out"),
    ("allowed_markets: [HK, ]\nallowed_markets: []", "allowed_markets is given twice (first in line 7)"),
    ("allowed_markets: [HKK]", ":25: keys.0.limits.allowed_markets.0: 'HKK' is not one of AU, CA,"),
    ("allowed_markets: [1]", ":25: keys.0.limits.allowed_markets.0: must be a text, found 1"),
    ("allowed_symbols: [00700]", ":25: keys.0.limits.allowed_symbols.0: '00700' is no symbol such as"),
    ("allowed_symbols: [HK.00700, ~]", ":35: keys.0.limits.allowed_symbols.1: has no value"),
    (
        "allowed_trd_sides: [buy]",
        ":27: keys.0.limits.allowed_trd_sides.0: 'buy' is not one of BUY, BUY_BACK,",
    ),
    ("max_order_value: 1e5", ":24: keys.0.limits.max_order_value: must be a plain number, found '1e5'"),
    ("max_order_value: 0700", ":24: keys.0.limits.max_order_value: must be a plain number, found '0700'"),
    ("max_order_value: 1_000", ":24: keys.0.limits.max_order_value: must be a plain number, found '1_000'"),
    ("max_order_value: .inf", ":24: keys.0.limits.max_order_value: must be a plain number, found '.inf'"),
    ("max_order_value: .nan", ":24: keys.0.limits.max_order_value: must be a plain number, found '.nan'"),
    ("max_order_value: 1.0e+300", ":24: keys.0.limits.max_order_value: must lie between 0 and"),
    ("max_order_value: 1.0e+400", ":24: '1.0e+400' does not fit the tag"),
    ("max_order_value: -1", ":24: keys.0.limits.max_order_value: must lie between 0 and 1,000,000,000,000"),
    ("max_order_value: 0.0000001", ":24: keys.0.limits.max_order_value: has more than 6 decimals"),
    ("max_order_value: 1234567890.1234567", ":24: keys.0.limits.max_order_value: has more than 15 digits"),
    ("max_order_value: true", ":24: keys.0.limits.max_order_value: must be a plain number, found True"),
    ("max_order_value: {HKD: -1}", ":30: keys.0.limits.max_order_value.HKD: must lie between"),
    ("max_order_value: {HKD: }", ":29: keys.0.limits.max_order_value.HKD: has no value"),
    ("max_order_value: {RMB: 5}", ":25: keys.0.limits.max_order_value.RMB: is no currency of AUD,"),
    ("max_order_value: {any: 5}", ":25: keys.0.limits.max_order_value.any: is no currency of AUD,"),
    ("max_daily_value: {HKD: 1, HKD: 2}", ":33: HKD is given twice"),
    ("max_daily_value: [5]", ":24: keys.0.limits.max_daily_value: must be a plain number"),
    ("daily_reset: 24:00", ":20: keys.0.limits.daily_reset: must be a time such as 00:00 Asia/Hong_Kong"),
    ("daily_reset: 00:00 Mars", ":20: keys.0.limits.daily_reset: Mars is no time zone"),
    ("max_orders_per_minute: 3.5", ":30: keys.0.limits.max_orders_per_minute: must be a valid integer"),
    ("max_orders_per_minute: -1", ":30: keys.0.limits.max_orders_per_minute: must be greater than"),
    ("max_orders_per_minute: yes", ":30: keys.0.limits.max_orders_per_minute: must be a valid integer"),
    ("max_orders_per_minute: '3'", ":30: keys.0.limits.max_orders_per_minute: must be a valid integer"),
    ("hours_window: 930", ":21: keys.0.limits.hours_window: must be a valid array"),
    ("hours_window: [09:30-12:00, 9-12]", ":35: keys.0.limits.hours_window.1: must be a window such as"),
    ("hours_window: 12:00-12:00", ":21: keys.0.limits.hours_window.0: begins and ends at the same time"),
    ("max_price_deviation: 0", ":28: keys.0.limits.max_price_deviation: must be above 0"),
    ("max_price_deviation: 101", ":28: keys.0.limits.max_price_deviation: must be above 0 and at most 100"),
    ("duplicate_window: 0", ":25: keys.0.limits.duplicate_window: must be greater than or equal to 1"),
    ("duplicate_window: 10s", ":25: keys.0.limits.duplicate_window: must be a valid integer, found '10s'"),
]


@pytest.mark.parametrize(("text", "expected"), BAD_FILES)
def test_bad_file_is_refused_with_its_place(text: str, expected: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        parse_policy(text, "policy.yaml")
    assert expected in str(caught.value)


@pytest.mark.parametrize(("lines", "expected"), BAD_LIMITS)
def test_bad_limit_is_refused_with_its_place(lines: str, expected: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        limits_with(lines)
    (problem,) = caught.value.problems
    assert expected in str(problem)
    assert str(problem).startswith(f"policy.yaml:{6 + len(lines.splitlines())}:")


def test_all_problems_come_at_once_in_the_order_of_the_file() -> None:
    text = key_with("    limits:\n      max_order_value: -1\n      allowed_symbols:\n    colour: red\n")
    with pytest.raises(ConfigurationError) as caught:
        parse_policy(text.replace("scopes: []", "scopes: [all]"), "policy.yaml")
    marks = [(problem.mark.line, problem.mark.column) for problem in caught.value.problems if problem.mark]
    assert marks == [(5, 14), (7, 24), (8, 23), (9, 5)]


@pytest.mark.parametrize("mode", [0o600, 0o400, 0o640])
def test_file_of_the_owner_and_its_group_is_read(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text(DOCUMENTED)
    path.chmod(mode)
    assert len(load_policy(path).keys) == 1


@pytest.mark.parametrize("mode", [0o644, 0o604, 0o602, 0o601, 0o660])
def test_file_that_others_can_read_or_change_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text(DOCUMENTED)
    path.chmod(mode)
    with pytest.raises(ConfigurationError, match=f"policy.yaml: has mode {mode:04o}"):
        load_policy(path)
    assert stat.S_IMODE(path.stat().st_mode) == mode


def test_missing_file_is_an_error_and_not_an_empty_policy(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read"):
        load_policy(tmp_path / "policy.yaml")
