"""Policy files and gateway.yaml as a tired hand, a bad editor or an enemy leaves them.

A case is the file. It is read, or refused with a sentence and a place for all that is wrong. What is
read means the same in the form in which it is kept for new workers.
"""

import random
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path

import orjson
from fuzz.campaign import Finding, Target
from fuzz.mutation import mutated

from gateway.ledger.store import open_ledger
from gateway.policy.hours import format_moment
from gateway.policy.loader import build_policy, parse_policy
from gateway.policy.model import Policy
from gateway.settings import CONFIG_VARIABLE, load
from gateway.yaml_text import ConfigurationError, Document, parse

ROOT = Path(__file__).parents[2]
TEXTS = (
    *("[", "]", "{", "}", ": ", "- ", "? ", "| ", "> ", "&a ", "*a", "!!int ", "!!bool ", "!!null ", "!x "),
    *("#", "'", '"', "\t", "\n", "\r", "\n\n", "\x85", "\u2028", "\ufeff", "---\n", "...\n", "%YAML 1.1\n"),
    *("~", "null", '"\\0"', '"\\ud800"', '"\\UFFFFFFFF"', '"\\x1b"', "<<: ", "[[[[[[[[", "{a: {a: {a: "),
    *("0700", "22:30", "1e400", "-1", "1_000", ".inf", ".nan", "true", "yes", "9" * 20, "0.0000001", "24:00"),
    *("0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "Mars/Olympus", "qot:read", "HK.00700"),
)
BYTES = (b"\xff", b"\xed\xa0\x80", b"\x00", b"[" * 200, b"{a: " * 200, b"- " * 300)
WORDS = (*(text.encode() for text in TEXTS), *BYTES)

RICH_POLICY = b"""\
version: 1
keys:
  - id: sim-bot
    hash: "sha256:abababababababababababababababababababababababababababababababab"
    scopes: [qot:read, acc:read, trade:simulate]
    expires_at: 2027-01-01T00:00:00Z
    allowed_acc_ids: [8377516]
    note: paper trading
    limits:
      allowed_markets: [HK, US]
      allowed_symbols: [HK.00700, US.AAPL]
      allowed_trd_sides: [BUY, SELL]
      max_order_value: {HKD: 100000, USD: 15000}
      max_daily_value: {HKD: 500000, USD: 60000}
      daily_reset: "00:00 Asia/Hong_Kong"
      max_orders_per_minute: 3
      hours_window: ["09:30-12:00 Asia/Hong_Kong", "13:00-16:00 Asia/Hong_Kong"]
      max_price_deviation: 5
      duplicate_window: 10
  - id: other
    hash: cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd
    scopes: []
"""
_DIGITS = re.compile(r"\d+|'[^']*'")


class _Files(Target):
    """What both kinds of files share."""

    def case(self, source: bytes, dice: random.Random) -> bytes:
        how = dice.random()
        if how < 0.3:
            return with_lines_changed(source, dice)
        changed = mutated(source, dice, WORDS)[:20_000]
        return changed if dice.random() < 0.1 else changed.decode("utf-8", "ignore").encode()


def with_lines_changed(source: bytes, dice: random.Random) -> bytes:
    """The text with a line lost, doubled, moved, indented or given another value."""
    lines = source.split(b"\n")
    at = dice.randrange(len(lines))
    match dice.randrange(5):
        case 0:
            del lines[at]
        case 1:
            lines.insert(dice.randrange(len(lines)), lines[at])
        case 2:
            lines[at] = b" " * dice.randrange(9) + lines[at].lstrip()
        case 3:
            lines[at] = lines[at].partition(b":")[0] + b": " + dice.choice(WORDS)
        case _:
            lines[at] = lines[at].partition(b":")[0] + b":"
    return b"\n".join(lines)


def sentence(error: ConfigurationError) -> str:
    """The kinds of problems, as an outcome. Every problem has to be a text that can be written anywhere."""
    if not error.problems:
        raise Finding("refused without a reason")
    for problem in error.problems:
        if not problem.text or not str(problem).isprintable():
            raise Finding(f"no sentence for a terminal or a log: {problem.text}")
        orjson.dumps(str(problem))
    return _DIGITS.sub("_", error.problems[0].text)[:60]


class Policies(_Files):
    """policy.yaml."""

    name = "policies"

    def seeds(self) -> list[bytes]:
        return [
            RICH_POLICY,
            (ROOT / "config" / "policy.example.yaml").read_bytes(),
            b"version: 1\nkeys: []\n",
        ]

    def run(self, case: bytes) -> str:
        try:
            text = case.decode()
        except UnicodeDecodeError:
            return "not UTF-8"
        try:
            policy = parse_policy(text, "policy.yaml")
        except ConfigurationError as error:
            return sentence(error)
        kept = orjson.loads(orjson.dumps(parse(text, "policy.yaml").value))
        if build_policy(Document("policy.yaml", kept, {}, {})).keys != policy.keys:
            raise Finding("new workers would get another policy than those that read the file")
        return f"read {shown(policy)}"


def shown(policy: Policy) -> int:
    """How many keys there are, each shown as `gw keys list` does."""
    for key in policy.keys:
        if key.principal.expires_s is not None:
            format_moment(key.principal.expires_s)
    return min(len(policy.keys), 3)


class SettingsFiles(_Files):
    """gateway.yaml."""

    name = "settings"

    def __init__(self) -> None:
        self._file = Path(tempfile.mkdtemp(prefix="fuzz-")) / "gateway.yaml"
        self._environ: Mapping[str, str] = {CONFIG_VARIABLE: str(self._file)}

    def seeds(self) -> list[bytes]:
        files = sorted((ROOT / "config").glob("**/gateway.yaml"))
        return [file.read_bytes() for file in files] + [without_comments(file.read_bytes()) for file in files]

    def run(self, case: bytes) -> str:
        self._file.write_bytes(case)
        try:
            settings = load(self._environ)
        except ConfigurationError as error:
            return sentence(error)
        open_ledger(settings.ledger)
        return "read"


def without_comments(text: bytes) -> bytes:
    """The settings of a file alone."""
    lines = (
        line.partition(b" #")[0].rstrip() for line in text.split(b"\n") if not line.lstrip().startswith(b"#")
    )
    return b"\n".join(filter(None, lines))
