"""`gateway.yaml` as frozen models: names, meanings, ranges and defaults.

`load` is the way in. `GATEWAY_CONFIG` names another file than `config/gateway.yaml`, `GATEWAY_BIND`
another address than `server.bind`. A default is safe or there is none: with a real OpenD the mode
of authentication has to be written.
"""

import ipaddress
import math
from collections.abc import Iterator, Mapping
from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    IPvAnyNetwork,
    ValidationInfo,
)

from gateway.opend.crypto import RsaCipher
from gateway.opend.errors import RsaKeyError
from gateway.opend.settings import Endpoint
from gateway.routes import KEEPABLE
from gateway.schema.codec import Int64Format, Numbering
from gateway.yaml_text import ConfigurationError, Document, Location, build_model, read_document

CONFIG_VARIABLE = "GATEWAY_CONFIG"
BIND_VARIABLE = "GATEWAY_BIND"
DEFAULT_FILE = Path("config/gateway.yaml")
IF_MISSING = "make it from config/gateway.example.yaml, as make run does"

DIRECTORY = "directory"
"""The name in the validation context of the directory that relative paths start from."""


@lru_cache(maxsize=256)
def is_loopback_host(host: str) -> bool:
    """Whether a host name or IP address (IPv6 without brackets) means this machine and no other."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def parse_endpoint(value: object) -> Endpoint:
    """Read `host:port` or `[ipv6]:port`. Raises ValueError with a sentence for the user."""
    try:
        return Endpoint.parse(value if isinstance(value, str) else "")
    except ValueError:
        raise ValueError("must be host:port with a port from 1 to 65535, such as 127.0.0.1:22222") from None


def _resolved(path: Path, info: ValidationInfo) -> Path:
    return Path(info.context[DIRECTORY], path).resolve() if info.context else path


def _ledger(text: str, info: ValidationInfo) -> str:
    scheme, _, rest = text.partition(":")
    if scheme == "sqlite" and rest:
        return _ledger_in(Path(info.context[DIRECTORY]), text) if info.context else text
    if scheme in ("redis", "rediss") and _is_redis_url(text):
        return text
    raise ValueError("must be sqlite:PATH or redis://HOST:PORT/DATABASE")


def _is_redis_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _ledger_in(directory: Path, text: str) -> str:
    """A ledger whose file, if it is one, starts from a directory."""
    scheme, _, rest = text.partition(":")
    return f"sqlite:{(directory / rest).resolve()}" if scheme == "sqlite" else text


def _origin(text: str) -> str:
    parts = urlsplit(text)
    if (
        parts.scheme not in ("http", "https")
        or not parts.netloc
        or text != f"{parts.scheme}://{parts.netloc}"
    ):
        raise ValueError("must be an origin such as https://desk.example.com, without a path")
    return text


def _clock(text: str) -> str:
    moment, at, speed = text.partition("@")
    try:
        if text != "real":
            datetime.fromisoformat(moment)
        is_valid = not at or 0 < float(speed) < math.inf
    except ValueError:
        is_valid = False
    if not is_valid:
        raise ValueError("must be real, or a time such as 2026-03-02T10:00:00+08:00, with or without @SPEED")
    return text


def _keepable(keep_s: Mapping[str, int]) -> Mapping[str, int]:
    wrong = [name for name in keep_s if name not in KEEPABLE]
    if wrong:
        raise ValueError(
            f"{', '.join(wrong)} cannot be kept: only routes whose answers hardly change, and that no order "
            f"and no account hangs on, can: {', '.join(KEEPABLE)}"
        )
    return keep_s


Address = Annotated[Endpoint, BeforeValidator(parse_endpoint)]
FilePath = Annotated[Path, AfterValidator(_resolved)]
Seconds = Annotated[float, Field(gt=0, le=300, allow_inf_nan=False)]


class Section(BaseModel):
    """What all parts of the file share: frozen, and no name that is not known."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class AuthMode(StrEnum):
    """Who is let in: anybody on this machine, or whoever has a key (decisions D5)."""

    LOCAL = "local"
    KEYS = "keys"


class LogFormat(StrEnum):
    """Lines for people, or one JSON object a line. AUTO is what fits what runs: see `Settings.log_format`."""

    AUTO = "auto"
    TEXT = "text"
    JSON = "json"


class LogLevel(StrEnum):
    """The least severe level that is written."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class ServerSettings(Section):
    """Where the gateway listens and with how many processes."""

    bind: Address = Endpoint("127.0.0.1", 22222)
    workers: Annotated[int, Field(ge=1, le=64)] = 2


class Hours(StrEnum):
    """When the simulator's markets are open."""

    ALWAYS = "always"
    EXCHANGE = "exchange"


class SimulatorSettings(Section):
    """The embedded simulator: which market, at which time, by which of OpenD's rules.

    `clock` is `real`, or a time such as `2026-03-02T10:00:00+08:00`, which stands still, or with
    `@SPEED` behind it runs. `journal` is a file that gets a line for every order that was executed.
    """

    seed: int = 1
    clock: Annotated[str, AfterValidator(_clock)] = "real"
    hours: Hours = Hours.ALWAYS
    journal: FilePath | None = None
    frequency_limits: bool = True


class OpenDSettings(Section):
    """How OpenD is reached. With `embedded`, the simulator is started at the first endpoint.

    With `frequency_limits` no call is made that OpenD's documented limits would refuse.
    """

    embedded: bool = True
    endpoints: Annotated[tuple[Address, ...], Field(min_length=1)] = (Endpoint("127.0.0.1", 11111),)
    rsa_key: FilePath | None = None
    pool_size: Annotated[int, Field(ge=1, le=32)] = 2
    max_in_flight: Annotated[int, Field(ge=1, le=65536)] = 256
    timeout_s: Seconds = 10.0
    frequency_limits: bool = True
    simulator: SimulatorSettings = SimulatorSettings()

    @property
    def keeps_frequency_limits(self) -> bool:
        """Whether calls are counted beforehand: not where the embedded simulator takes any number of them."""
        return self.frequency_limits and (not self.embedded or self.simulator.frequency_limits)


class AuthSettings(Section):
    """Which mode of authentication holds, and the file with the keys, which mode keys needs."""

    mode: AuthMode = AuthMode.LOCAL
    policy: FilePath = Path("policy.yaml")


class ApiSettings(Section):
    """How bodies are read and written."""

    trd_env_numbering: Numbering = Numbering.DOCUMENTED
    int64: Int64Format = Int64Format.NUMBER
    max_body_bytes: Annotated[int, Field(ge=1024, le=64 * 1024 * 1024)] = 256 * 1024


class QuoteSettings(Section):
    """What the gateway does by itself for quotes.

    `keep_s` has the seconds for which answers of a route, by its name, are kept. By default none is: how old
    an answer may be is its reader's to say.
    """

    auto_subscribe: bool = True
    auto_subscribe_ttl_s: Annotated[int, Field(ge=1, le=30 * 24 * 3600)] = 24 * 3600
    keep_s: Annotated[Mapping[str, Annotated[int, Field(ge=0, le=24 * 3600)]], AfterValidator(_keepable)] = {}


class WsSettings(Section):
    """Who may open a socket, and how many; both bounds are those of one worker."""

    allowed_origins: tuple[Annotated[str, AfterValidator(_origin)], ...] = ()
    max_sockets: Annotated[int, Field(ge=1, le=100_000)] = 1000
    max_sockets_per_key: Annotated[int, Field(ge=1, le=100_000)] = 20


class OpsSettings(Section):
    """Pages and figures for those who run the gateway."""

    live_page: bool = True
    docs_page: bool = True
    metrics_allow: tuple[IPvAnyNetwork, ...] = (
        ipaddress.ip_network("127.0.0.0/8"),
        ipaddress.ip_network("::1/128"),
    )


class LogSettings(Section):
    """How much is logged, and in which form."""

    format: LogFormat = LogFormat.AUTO
    level: LogLevel = LogLevel.INFO


class Settings(Section):
    """The whole of `gateway.yaml`. Every part may be left out."""

    server: ServerSettings = ServerSettings()
    opend: OpenDSettings = OpenDSettings()
    auth: AuthSettings = AuthSettings()
    ledger: Annotated[str, AfterValidator(_ledger)] = "sqlite:var/ledger.db"
    audit: FilePath = Path("var/audit.jsonl")
    api: ApiSettings = ApiSettings()
    quote: QuoteSettings = QuoteSettings()
    ws: WsSettings = WsSettings()
    ops: OpsSettings = OpsSettings()
    log: LogSettings = LogSettings()

    @property
    def log_format(self) -> LogFormat:
        """TEXT or JSON. Of `auto`: text with the embedded simulator, where a person reads; else JSON."""
        if self.log.format is not LogFormat.AUTO:
            return self.log.format
        return LogFormat.TEXT if self.opend.embedded else LogFormat.JSON


def load(environ: Mapping[str, str], default_file: Path = DEFAULT_FILE) -> Settings:
    """Read the settings that the environment chooses. Raises ConfigurationError with every problem."""
    file = Path(environ.get(CONFIG_VARIABLE) or default_file)
    document = read_document(file, if_missing=IF_MISSING)
    directory = file.resolve().parent
    settings = build_model(document, Settings, {DIRECTORY: directory})
    settings = _with_files_in(directory, _with_bind(settings, environ.get(BIND_VARIABLE), document))
    problems = [document.problem(location, text) for location, text in _contradictions(settings)]
    if problems:
        raise ConfigurationError(problems)
    return settings


def _with_bind(settings: Settings, bind: str | None, document: Document) -> Settings:
    if not bind:
        return settings
    try:
        endpoint = parse_endpoint(bind)
    except ValueError as error:
        raise ConfigurationError([document.problem((), f"{BIND_VARIABLE}={bind}: {error}")]) from error
    return settings.model_copy(update={"server": settings.server.model_copy(update={"bind": endpoint})})


def _with_files_in(directory: Path, settings: Settings) -> Settings:
    """The settings with the files of defaults, too, placed beside their own file."""
    return settings.model_copy(
        update={
            "auth": settings.auth.model_copy(update={"policy": directory / settings.auth.policy}),
            "ledger": _ledger_in(directory, settings.ledger),
            "audit": directory / settings.audit,
        }
    )


def _contradictions(settings: Settings) -> Iterator[tuple[Location, str]]:
    """What each part allows by itself, and the whole does not."""
    opend, auth = settings.opend, settings.auth
    if not opend.embedded and "mode" not in auth.model_fields_set:
        yield ("auth", "mode"), "has to be written when opend.embedded is false: local or keys"
    if auth.mode is AuthMode.LOCAL and not is_loopback_host(settings.server.bind.host):
        yield (
            ("server", "bind"),
            f"auth.mode local asks nobody for a key, so it serves loopback alone; "
            f"{settings.server.bind} can be reached from other machines",
        )
    if opend.embedded and not is_loopback_host(opend.endpoints[0].host):
        yield (
            ("opend", "endpoints", 0),
            f"the embedded simulator listens on loopback alone, {opend.endpoints[0]} is not; "
            f"opend.embedded: false reaches an OpenD elsewhere",
        )
    if opend.rsa_key is not None:
        yield from _key_problems(opend.rsa_key)
    if opend.embedded and opend.endpoints[0] == settings.server.bind:
        yield ("opend", "endpoints", 0), "is the address that server.bind takes"


def _key_problems(rsa_key: Path) -> Iterator[tuple[Location, str]]:
    try:
        RsaCipher.from_file(rsa_key)
    except RsaKeyError as error:
        yield ("opend", "rsa_key"), str(error)
