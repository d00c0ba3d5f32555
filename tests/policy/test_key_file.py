import json
import os
import shlex
import stat
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from fix_policy import at

from gateway.order import Side
from gateway.policy.hours import parse_window
from gateway.policy.key_file import add_new_key, import_keys, revoke_key
from gateway.policy.loader import load_policy
from gateway.policy.model import Caps, Limits
from gateway.policy.token import hash_token, is_token
from gateway.scope import Scope
from gateway.yaml_text import ConfigurationError

HASH = "ab" * 32

COMMENTED = f"""\
# who may trade
version: 1
keys:
  # the desk
  - id: first   # do not lose
    hash: "{HASH}"
    scopes: []

  # the bots
  - id: second
    hash: "{HASH.replace("a", "c")}"
    scopes:
      - qot:read
    note: |
      # not a comment
  - id: third
    hash: "{HASH.replace("a", "d")}"
    scopes: []
# the end
"""

BOT: dict[str, Any] = {
    "id": "bot",
    "scopes": ["qot:read", "trade:simulate"],
    "expires_at": "2027-01-01T00:00:00Z",
    "note": "it's: \u6e2f\u80a1 # 1",
    "limits": {
        "allowed_symbols": ["HK.00700"],
        "hours_window": "22:30-05:00",
        "max_order_value": {"HKD": 0.5},
    },
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "policy.yaml"


def write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
    path.chmod(0o600)


def ids(path: Path) -> list[str]:
    return [key.principal.key_id for key in load_policy(path).keys]


class TestNew:
    def test_first_key_makes_a_file_that_only_its_owner_reads(self, path: Path) -> None:
        token = add_new_key(path, BOT)
        assert is_token(token)
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        (key,) = load_policy(path).keys
        assert key.digest == hash_token(token)
        assert key.principal.scopes == {Scope.QUOTE_READ, Scope.TRADE_SIMULATE}
        assert key.principal.expires_s == at("2027-01-01T00:00")
        assert key.principal.note == BOT["note"]
        assert key.principal.limits == Limits(
            allowed_symbols=frozenset({"HK.00700"}),
            hours_window=(parse_window("22:30-05:00"),),
            max_order_value=Caps(by_currency={"HKD": Decimal("0.5")}),
        )

    def test_token_is_nowhere_in_the_file(self, path: Path) -> None:
        token = add_new_key(path, BOT)
        assert token not in path.read_text()
        assert os.listdir(path.parent) == ["policy.yaml"]

    def test_key_joins_the_others_and_every_line_stays(self, path: Path) -> None:
        write(path, COMMENTED)
        add_new_key(path, BOT)
        assert ids(path) == ["first", "second", "third", "bot"]
        lines = path.read_text().splitlines()
        before = COMMENTED.splitlines()
        assert lines[: len(before) - 1] == before[:-1]
        assert lines[-1] == "# the end"

    @pytest.mark.parametrize(
        "text",
        [
            "version: 1\nkeys: []",
            "version: 1\nkeys: []   # none yet\n",
            "keys: []\nversion: 1\n",
            f'keys:\n- id: a\n  hash: "{HASH}"\n  scopes: []\n# about the version\nversion: 1',
            f'version: 1\nkeys:\n    -\n        id: a\n        hash: "{HASH}"\n        scopes: []',
            f'version: 1\r\nkeys:\r\n  - id: a\r\n    hash: "{HASH}"\r\n    scopes: []\r\n',
        ],
    )
    def test_other_ways_to_write_the_list(self, path: Path, text: str) -> None:
        write(path, text)
        before = ids(path)
        add_new_key(path, BOT)
        assert ids(path) == [*before, "bot"]
        revoke_key(path, "bot")
        assert ids(path) == before

    @pytest.mark.parametrize(
        "text",
        [
            "{version: 1, keys: []}",
            f'version: 1\nkeys: [{{id: a, hash: "{HASH}", scopes: []}}]\n',
            "version: 1\nkeys: [\n]\n",
        ],
    )
    def test_style_that_cannot_be_edited_is_left_alone(self, path: Path, text: str) -> None:
        write(path, text)
        with pytest.raises(ConfigurationError, match="cannot be edited by command"):
            add_new_key(path, BOT)
        assert path.read_text() == text

    @pytest.mark.parametrize(
        ("change", "expected"),
        [
            ({"id": "first"}, "policy.yaml:.*: another key has this id"),
            ({"id": "b b"}, "new key: keys.0.id: must be 1 to 64"),
            ({"scopes": ["all"]}, "new key: keys.0.scopes.0: 'all' is not one of"),
            ({"limits": {"max_order_value": -1}}, "new key: keys.0.limits.max_order_value: must lie between"),
        ],
    )
    def test_wrong_key_changes_nothing(self, path: Path, change: dict[str, Any], expected: str) -> None:
        write(path, COMMENTED)
        with pytest.raises(ConfigurationError, match=expected):
            add_new_key(path, BOT | change)
        assert path.read_text() == COMMENTED

    @pytest.mark.parametrize("damage", ["scope: 1\n", "\t"])
    def test_wrong_file_is_left_alone(self, path: Path, damage: str) -> None:
        write(path, COMMENTED + damage)
        with pytest.raises(ConfigurationError):
            add_new_key(path, BOT)
        assert path.read_text() == COMMENTED + damage

    @pytest.mark.parametrize("mode", [0o644, 0o664, 0o666])
    def test_file_of_a_fresh_checkout_is_its_owners_alone_with_its_first_key(
        self, path: Path, mode: int
    ) -> None:
        path.write_text("# as git has it\nversion: 1\nkeys: []\n")
        path.chmod(mode)
        add_new_key(path, {"id": "bot", "scopes": ["qot:read"]})
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert [key.principal.key_id for key in load_policy(path).keys] == ["bot"]

    def test_file_with_keys_that_others_could_change_is_refused_with_the_command_that_mends_it(
        self, tmp_path: Path
    ) -> None:
        path = tmp_path / "my policy.yaml"
        add_new_key(path, {"id": "bot", "scopes": ["qot:read"]})
        path.chmod(0o664)
        before = path.read_text()
        with pytest.raises(ConfigurationError) as caught:
            add_new_key(path, {"id": "other", "scopes": ["qot:read"]})
        assert path.read_text() == before
        command = str(caught.value).partition("; ")[2].strip()
        assert command == f"chmod 600 '{path}'"
        subprocess.run(shlex.split(command), check=True)
        add_new_key(path, {"id": "other", "scopes": ["qot:read"]})

    def test_mode_and_symbolic_link_stay(self, path: Path, tmp_path: Path) -> None:
        target = tmp_path / "elsewhere"
        write(target, COMMENTED)
        target.chmod(0o640)
        path.symlink_to(target)
        add_new_key(path, BOT)
        assert path.is_symlink()
        assert stat.S_IMODE(target.stat().st_mode) == 0o640
        assert "bot" in ids(target)

    def test_commands_at_the_same_time_lose_no_key(self, path: Path) -> None:
        script = (
            "import sys; from pathlib import Path; from gateway.policy.key_file import add_new_key\n"
            "for n in range(5): add_new_key(Path(sys.argv[1]), {'id': f'{sys.argv[2]}-{n}', 'scopes': []})"
        )
        commands = [
            subprocess.Popen([sys.executable, "-c", script, str(path), name], cwd=Path(__file__).parents[2])
            for name in ("a", "b", "c")
        ]
        assert [command.wait(timeout=60) for command in commands] == [0, 0, 0]
        assert sorted(ids(path)) == sorted(f"{name}-{number}" for name in "abc" for number in range(5))


class TestRevoke:
    @pytest.mark.parametrize("key_id", ["first", "second", "third"])
    def test_key_goes_and_comments_and_the_others_stay(self, path: Path, key_id: str) -> None:
        write(path, COMMENTED)
        revoke_key(path, key_id)
        assert ids(path) == [name for name in ("first", "second", "third") if name != key_id]
        for comment in ("# who may trade", "  # the desk", "  # the bots", "# the end"):
            assert comment in path.read_text().splitlines()

    def test_last_key_leaves_an_empty_list(self, path: Path) -> None:
        add_new_key(path, BOT)
        revoke_key(path, "bot")
        assert ids(path) == []
        add_new_key(path, BOT)
        assert ids(path) == ["bot"]

    def test_unknown_id(self, path: Path) -> None:
        write(path, COMMENTED)
        with pytest.raises(KeyError):
            revoke_key(path, "fourth")
        assert path.read_text() == COMMENTED


FOREIGN = {
    "version": 1,
    "keys": [
        {
            "id": "nested",
            "hash": "EF" * 32,
            "scopes": ["qot:read"],
            "expires_at": None,
            "allowed_acc_ids": [2**64 - 1],
            "limits": {"allowed_markets": ["HK"], "max_order_value": 100000.0, "hours_window": None},
        },
        {
            "id": "12",
            "hash": "sha256:" + "0" * 64,
            "scopes": ["trade:real"],
            "expires_at": "2027-01-01T00:00:00+00:00",
            "note": "flat",
            "allowed_trd_sides": ["SELL"],
            "max_daily_value": 5,
            "max_orders_per_minute": 3,
            "hours_window": "09:30-16:00",
        },
    ],
}


class TestImport:
    @pytest.fixture
    def source(self, tmp_path: Path) -> Path:
        return tmp_path / "keys.json"

    def test_limits_are_found_nested_and_flat(self, path: Path, source: Path) -> None:
        write(path, COMMENTED)
        source.write_text(json.dumps(FOREIGN, indent="\t"))
        assert import_keys(path, source) == ["nested", "12"]
        nested, flat = load_policy(path).keys[3:]
        assert nested.digest == bytes.fromhex("ef" * 32)
        assert nested.principal.allowed_acc_ids == {2**64 - 1}
        assert nested.principal.limits == Limits(
            allowed_markets=frozenset({"HK"}), max_order_value=Caps(of_any=Decimal(100000))
        )
        assert flat.digest == bytes(32)
        assert flat.principal.expires_s == at("2027-01-01T00:00")
        assert flat.principal.limits == Limits(
            allowed_trd_sides=frozenset({Side.SELL}),
            max_daily_value=Caps(of_any=Decimal(5)),
            max_orders_per_minute=3,
            hours_window=(parse_window("09:30-16:00 UTC"),),
        )

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("{", "cannot be read"),
            ("[]", 'must be {"version": 1'),
            ('{"version": 2, "keys": []}', "version: must be 1"),
            ('{"version": 1, "keys": [7]}', "keys.0: "),
            ('{"version": 1, "keys": [{"id": "a", "id": "b"}]}', "id is given twice"),
            ('{"version": 1, "keys": [{"id": "a", "limit": {}}]}', "keys.0.limit: unknown name"),
            (
                '{"version": 1, "keys": [{"limits": {"max_daily_value": 1}, "max_daily_value": 2}]}',
                "max_daily_value both under limits and beside them",
            ),
            ('{"version": 1, "keys": [{"id": "a", "max_daily_value": NaN}]}', "NaN is no number"),
            ('{"version": 1, "keys": [{"id": "a", "max_daily_value": 1e400}]}', "1e400 is no number"),
        ],
    )
    def test_wrong_file_imports_nothing(self, path: Path, source: Path, text: str, expected: str) -> None:
        write(path, COMMENTED)
        source.write_text(text)
        with pytest.raises(ConfigurationError) as caught:
            import_keys(path, source)
        assert expected in str(caught.value)
        assert "keys.json" in str(caught.value)
        assert path.read_text() == COMMENTED

    def test_one_key_that_exists_stops_all(self, path: Path, source: Path) -> None:
        write(path, COMMENTED.replace("third", "nested"))
        source.write_text(json.dumps(FOREIGN))
        with pytest.raises(ConfigurationError, match="another key has this id"):
            import_keys(path, source)
        assert ids(path) == ["first", "second", "nested"]
