import ipaddress
import re
from pathlib import Path

import pytest

from gateway.opend.settings import Endpoint
from gateway.schema.codec import Int64Format, Numbering
from gateway.settings import AuthMode, LogFormat, Settings, is_loopback_host, load
from gateway.yaml_text import ConfigurationError

ROOT = Path(__file__).parents[1]

SHAPE = """
server:
  bind: 127.0.0.1:8080
  workers: 3
opend:
  embedded: false
  endpoints: [10.0.0.5:11111, "[fd00::5]:11112"]
  rsa_key: null
  pool_size: 4
  max_in_flight: 10
  timeout_s: 2.5
  frequency_limits: false
  simulator:
    seed: 7
    clock: 2026-03-02T10:00:00+08:00@2
    hours: exchange
    journal: ../var/journal.jsonl
    frequency_limits: false
auth:
  mode: local
  policy: policy.yaml
ledger: redis://:secret@cache:6379/0
audit: ../var/audit.jsonl
api:
  trd_env_numbering: official
  int64: string
  max_body_bytes: 4096
quote:
  auto_subscribe: false
  auto_subscribe_ttl_s: 3600
  keep_s: {plate-set: 60}
ws:
  allowed_origins: ["https://desk.example.com"]
  max_sockets: 500
  max_sockets_per_key: 5
ops:
  live_page: false
  docs_page: false
  metrics_allow: [10.0.0.0/8]
log:
  format: json
  level: warning
"""


@pytest.fixture
def read(tmp_path):
    """Reads settings from a text, as if it stood in a file `gateway.yaml`."""

    def read(text, **environ):
        path = tmp_path / "config" / "gateway.yaml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        return load({"GATEWAY_CONFIG": str(path), **environ})

    return read


@pytest.fixture
def refusal(read):
    """The problems of a text, without the file's name."""

    def refusal(text, **environ):
        with pytest.raises(ConfigurationError) as caught:
            read(text, **environ)
        return [re.sub(r"^.*gateway\.yaml:", "", line) for line in str(caught.value).splitlines()]

    return refusal


def test_every_name_of_the_file_is_read(read, tmp_path):
    settings = read(SHAPE)
    assert settings.server.bind == Endpoint("127.0.0.1", 8080)
    assert settings.opend.endpoints == (Endpoint("10.0.0.5", 11111), Endpoint("fd00::5", 11112))
    assert settings.opend.timeout_s == 2.5
    assert settings.auth.policy == tmp_path / "config" / "policy.yaml"
    assert settings.audit == tmp_path / "var" / "audit.jsonl"
    assert settings.ledger == "redis://:secret@cache:6379/0"
    assert settings.api.trd_env_numbering is Numbering.OFFICIAL
    assert settings.api.int64 is Int64Format.STRING
    assert (settings.quote.auto_subscribe, settings.quote.auto_subscribe_ttl_s) == (False, 3600)
    assert settings.ops.metrics_allow == (ipaddress.ip_network("10.0.0.0/8"),)
    assert settings.log.format is LogFormat.JSON
    written = set(re.findall(r"^ *(\w+):", SHAPE, re.MULTILINE))
    assert written == set(_names(Settings))
    assert settings.opend.simulator.journal == tmp_path / "var" / "journal.jsonl"


def _names(model):
    for name, field in getattr(model, "model_fields", {}).items():
        yield name
        yield from _names(field.annotation)


@pytest.mark.parametrize("clock", ["noon", "2026-03-02T10:00:00@0", "real@2", "2026-03-02T10:00:00@nan"])
def test_a_simulator_clock_that_is_no_time_is_refused(refusal, clock):
    (problem,) = refusal(f"opend:\n  simulator:\n    clock: {clock}\n")
    assert problem.startswith("3:12: ")
    assert "opend.simulator.clock" in problem


FILES = {"auth", "ledger", "audit"}
"""Names whose defaults are places, which depend on where the settings stand."""


def without_files(settings):
    return settings.model_dump(exclude=FILES)


def test_the_file_of_the_project_says_the_defaults():
    settings = load({"GATEWAY_CONFIG": str(ROOT / "config" / "gateway.example.yaml")})
    assert without_files(settings) == without_files(Settings())
    assert settings.auth.mode is Settings().auth.mode
    assert settings.ledger == f"sqlite:{ROOT}/var/ledger.db"
    assert settings.audit == ROOT / "var" / "audit.jsonl"
    assert settings.auth.policy == ROOT / "config" / "policy.yaml"


def test_a_missing_file_is_told_of_with_what_makes_it(tmp_path):
    with pytest.raises(ConfigurationError, match=r"No such file or directory; make it from"):
        load({"GATEWAY_CONFIG": str(tmp_path / "gateway.yaml")})


def test_an_empty_file_means_the_defaults(read):
    assert without_files(read("")) == without_files(Settings())


@pytest.mark.parametrize("text", ["", "auth: {mode: keys}", "auth: {}"])
def test_files_that_are_left_out_stand_beside_the_settings(read, tmp_path, text):
    settings = read(text)
    assert settings.auth.policy == tmp_path / "config" / "policy.yaml"
    assert settings.ledger == f"sqlite:{tmp_path}/config/var/ledger.db"
    assert settings.audit == tmp_path / "config" / "var" / "audit.jsonl"


def test_files_by_their_whole_path_are_taken_as_they_are(read):
    settings = read("auth: {policy: /etc/gw/keys.yaml}\nledger: sqlite:/srv/l.db\naudit: /srv/a.jsonl\n")
    assert (str(settings.auth.policy), settings.ledger, str(settings.audit)) == (
        "/etc/gw/keys.yaml",
        "sqlite:/srv/l.db",
        "/srv/a.jsonl",
    )


def test_settings_cannot_be_changed(read):
    with pytest.raises(ValueError, match="frozen"):
        read("").server.workers = 9


def test_gateway_bind_overrides_the_file(read):
    assert read("server: {bind: 127.0.0.1:1}", GATEWAY_BIND="[::1]:2").server.bind == Endpoint("::1", 2)
    assert read("server: {bind: 127.0.0.1:1}", GATEWAY_BIND="").server.bind.port == 1


def test_a_wrong_gateway_bind_is_told(refusal):
    assert "GATEWAY_BIND=x: must be host:port" in refusal("", GATEWAY_BIND="x")[0]


@pytest.mark.parametrize("embedded", ["true", "false"])
@pytest.mark.parametrize(
    "address", ["0.0.0.0:22222", "10.0.0.1:22222", "[::]:22222", "gateway.example:22222"]
)
def test_local_mode_binds_loopback_or_refuses(refusal, address, embedded):
    start = f"opend: {{embedded: {embedded}}}\nauth: {{mode: local}}\n"
    problems = refusal(f"{start}server: {{bind: '{address}'}}")
    assert problems[0].startswith("3:16: server.bind: auth.mode local asks nobody for a key")
    assert "server.bind: auth.mode local" in refusal(start, GATEWAY_BIND=address)[0]


@pytest.mark.parametrize("address", ["127.0.0.1:1", "127.1.2.3:1", "localhost:1", "[::1]:1"])
def test_local_mode_binds_any_loopback_address(read, address):
    assert read(f"server: {{bind: '{address}'}}").auth.mode is AuthMode.LOCAL


def test_with_a_real_opend_the_mode_has_to_be_written(refusal, read):
    assert refusal("opend:\n  embedded: false\n") == [
        "1:1: auth.mode: has to be written when opend.embedded is false: local or keys"
    ]
    assert refusal("opend: {embedded: false}\nauth: {policy: p.yaml}")[0].startswith(
        "2:7: auth.mode: has to be"
    )
    assert read("opend: {embedded: false}\nauth: {mode: local}").auth.mode is AuthMode.LOCAL


@pytest.mark.parametrize("address", ["0.0.0.0:22222", "[::]:22222"])
def test_mode_keys_may_serve_other_machines(read, address):
    settings = read(f"auth: {{mode: keys}}\nserver: {{bind: '{address}'}}\n")
    assert settings.auth.mode is AuthMode.KEYS
    assert str(settings.server.bind) == address


def test_the_embedded_simulator_listens_on_loopback_alone(refusal):
    assert refusal("opend: {endpoints: ['0.0.0.0:11111']}")[0].startswith(
        "1:21: opend.endpoints.0: the embedded"
    )


def test_the_simulator_and_the_gateway_need_an_address_each(refusal):
    assert refusal("opend: {endpoints: [127.0.0.1:22222]}") == [
        "1:21: opend.endpoints.0: is the address that server.bind takes"
    ]


def test_a_key_file_that_cannot_be_used_is_told(refusal, tmp_path):
    assert refusal("opend: {rsa_key: none.pem}")[0].startswith("1:18: opend.rsa_key: ")
    (tmp_path / "config" / "bad.pem").write_text("no key")
    assert refusal("opend: {rsa_key: bad.pem}")[0].startswith("1:18: opend.rsa_key: ")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("server: {workers: 0}", "1:19: server.workers: must be greater than or equal to 1, found 0"),
        ("server: {workers: true}", "1:19: server.workers: must be a valid integer, found True"),
        ("server: {workers: 2.0}", "1:19: server.workers: must be a valid integer, found 2.0"),
        ("server: {bind: 22222}", "1:16: server.bind: must be host:port"),
        ("server: {bind: localhost}", "1:16: server.bind: must be host:port"),
        ("server: {bind: 'localhost:0'}", "1:16: server.bind: must be host:port"),
        ("server: {bind: 'localhost:65536'}", "1:16: server.bind: must be host:port"),
        ("opend: {embedded: yes}", "1:19: opend.embedded: must be a valid boolean, found 'yes'"),
        ("opend: {endpoints: []}", "1:20: opend.endpoints: needs at least 1"),
        ("opend: {endpoints: 127.0.0.1:1}", "1:20: opend.endpoints: must be a valid array"),
        ("opend: {timeout_s: 0}", "1:20: opend.timeout_s: must be greater than 0"),
        ("opend: {timeout_s: .inf}", "1:20: opend.timeout_s: must be a valid number"),
        ("opend: {timeout_s: 301}", "1:20: opend.timeout_s: must be less than or equal to 300"),
        ("auth: {mode: none}", "1:14: auth.mode: must be 'local' or 'keys', found 'none'"),
        ("api: {trd_env_numbering: 1}", "1:26: api.trd_env_numbering: must be 'documented' or 'official'"),
        ("api: {int64: text}", "1:14: api.int64: must be 'number' or 'string'"),
        ("api: {max_body_bytes: 0}", "1:23: api.max_body_bytes: must be greater than or equal to 1024"),
        ("ledger: ledger.db", "1:9: ledger: must be sqlite:PATH or redis://HOST:PORT/DATABASE"),
        ("ledger: 'redis://'", "1:9: ledger: must be sqlite:PATH or redis://HOST:PORT/DATABASE"),
        ("ws: {allowed_origins: ['*']}", "1:24: ws.allowed_origins.0: must be an origin"),
        ("ws: {allowed_origins: ['https://a.b/c']}", "1:24: ws.allowed_origins.0: must be an origin"),
        (
            "ops: {metrics_allow: [10.0.0.1/8]}",
            "1:23: ops.metrics_allow.0: must be a valid IPv4 or IPv6 network",
        ),
        (
            "log: {level: INFO}",
            "1:14: log.level: must be 'debug', 'info', 'warning' or 'error', found 'INFO'",
        ),
        ("srever: {}", "1:1: srever: unknown name; did you mean server?"),
        ("server: {port: 1}", "1:10: server.port: unknown name; known here: bind, workers"),
    ],
)
def test_a_wrong_value_is_told_with_its_place(refusal, text, problem):
    problems = refusal(text)
    assert len(problems) == 1
    assert problems[0].startswith(problem)


def test_a_ledgers_password_is_not_repeated(refusal):
    assert "secret" not in "".join(refusal("ledger: 'http://:secret@cache'"))


@pytest.mark.parametrize(
    ("host", "is_local"),
    [
        ("localhost", True),
        ("127.0.0.1", True),
        ("127.255.0.1", True),
        ("::1", True),
        ("0.0.0.0", False),
        ("::", False),
        ("10.0.0.1", False),
        ("127.0.0.1.example", False),
        ("", False),
    ],
)
def test_loopback_is_known_by_its_address(host, is_local):
    assert is_loopback_host(host) is is_local


def test_answers_of_routes_that_hardly_change_may_be_kept(read):
    assert read("quote: {keep_s: {plate-set: 3600, ipo-list: 0}}").quote.keep_s == {
        "plate-set": 3600,
        "ipo-list": 0,
    }
    assert read("").quote.keep_s == {}


@pytest.mark.parametrize(
    "name", ["snapshot", "quote", "accounts", "orders", "order", "market-state", "plates"]
)
def test_what_an_order_or_an_account_hangs_on_cannot_be_kept(refusal, name):
    (problem,) = refusal(f"quote:\n  keep_s: {{plate-set: 60, {name}: 60}}\n")
    assert problem.startswith(f"2:11: quote.keep_s: {name} cannot be kept: ")
    assert problem.endswith(
        "can: static-info, plate-set, plate-security, reference, owner-plate, option-chain, ipo-list, "
        "future-info"
    )


@pytest.mark.parametrize("seconds", ["-1", "86401", "true", "1.5"])
def test_a_time_to_keep_is_whole_seconds_of_a_day_at_most(refusal, seconds):
    (problem,) = refusal(f"quote:\n  keep_s:\n    plate-set: {seconds}\n")
    assert problem.startswith("3:16: quote.keep_s.plate-set: ")
