"""A real nginx with the site files of `config/nginx`, as a process of its own on a loopback port."""

import json
import os
import pwd
import shutil
import signal
import ssl
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.client import HTTPResponse, HTTPSConnection
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from fix_gateway import END_LIMIT_S, ROOT, free_port, send_request, wait_until

SHIPPED = ROOT / "config" / "nginx"
INSTALLED = ("gateway/http.conf", "gateway/server.conf")
SITE = "gateway.conf"
HOST = "127.0.0.1"

MAIN = """
{user}
worker_processes 2;
daemon off;
pid {directory}/nginx.pid;
error_log {directory}/main.error.log info;
events {{ worker_connections 1024; }}
http {{
    access_log {directory}/main.access.log;
    client_body_temp_path {directory}/body;
    proxy_temp_path {directory}/proxy;
    fastcgi_temp_path {directory}/fastcgi;
    uwsgi_temp_path {directory}/uwsgi;
    scgi_temp_path {directory}/scgi;
    include conf.d/*.conf;
}}
"""


def program(name: str) -> str:
    """Where a program is, also one that Debian keeps for administrators; fails when there is none."""
    found = shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin:/sbin")
    assert found, f"these tests need {name} on the PATH"
    return found


@dataclass(frozen=True)
class Certificate:
    """A certificate of this test run for the loopback address, and a client's trust in it."""

    certificate_file: Path
    key_file: Path

    @property
    def trust(self) -> ssl.SSLContext:
        """What a client checks the server with."""
        return ssl.create_default_context(cafile=str(self.certificate_file))


def make_certificate(directory: Path) -> Certificate:
    """One that is signed by itself, good for an hour, with its files in the directory."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, SHA256())
    )
    certificate_file, key_file = directory / "gateway.pem", directory / "gateway.key"
    certificate_file.write_bytes(made.public_bytes(Encoding.PEM))
    key_file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return Certificate(certificate_file, key_file)


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    """The certificate of a test run."""
    return make_certificate(tmp_path_factory.mktemp("tls"))


class NginxProcess:
    """nginx in front of the gateways on the ports `upstreams`, which may have nginx's words on a server
    behind them.

    What runs is what is shipped, but for addresses and paths, and for `changes`: texts of the shipped
    files and what stands in their place, for a test that needs another number or a mistake.
    """

    def __init__(
        self,
        directory: Path,
        certificate: Certificate,
        upstreams: Sequence[int | str],
        changes: Mapping[str, str] | None = None,
    ) -> None:
        self.directory = directory
        self.port = free_port()
        self._trust = certificate.trust
        servers = " ".join(f"server {HOST}:{port};" for port in upstreams)
        here = {
            "server 127.0.0.1:22222;": servers,
            "listen 443 ssl;": f"listen {HOST}:{self.port} ssl;",
            "/etc/ssl/certs/gateway.pem": str(certificate.certificate_file),
            "/etc/ssl/private/gateway.key": str(certificate.key_file),
            "/var/log/nginx/": f"{directory}/",
        }
        install(directory, SITE, {**here, **(changes or {})})
        self._command = nginx_command(directory)
        self.process = subprocess.Popen(self._command)
        wait_until(self._listens)

    def _listens(self) -> bool:
        assert self.process.poll() is None, self.logs
        try:
            self.connect().close()
        except ConnectionRefusedError:
            return False
        return True

    def connect(self, timeout_s: float = END_LIMIT_S, source: str = HOST) -> HTTPSConnection:
        """An open connection from a loopback address of the test's choice."""
        connection = HTTPSConnection(
            "localhost", self.port, timeout=timeout_s, context=self._trust, source_address=(source, 0)
        )
        connection.connect()
        return connection

    def request(
        self,
        method: str,
        path: str,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        source: str = HOST,
    ) -> tuple[HTTPResponse, bytes]:
        """One request on a connection of its own; a body that is not bytes is sent as JSON."""
        return send_request(self.connect(source=source), method, path, body, headers)

    def send_raw(self, sent: bytes) -> bytes:
        """Send bytes, and read what comes back until the connection is closed."""
        connection = self.connect()
        try:
            connection.sock.sendall(sent)
            with connection.sock.makefile("rb") as answer:
                return answer.read()
        finally:
            connection.close()

    @property
    def lines(self) -> list[dict[str, str]]:
        """The lines of the access log so far."""
        text = (self.directory / "gateway.access.log").read_text()
        return [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]

    def line_of(self, request_id: str) -> dict[str, str]:
        """The line of a request, once it is written."""
        return wait_until(lambda: [each for each in self.lines if each["request_id"] == request_id])[0]

    @property
    def logs(self) -> str:
        """All that stands in any log."""
        return "".join(file.read_text() for file in sorted(self.directory.glob("*.log")))

    def stop(self) -> int:
        """End it, unless it has ended, and return the exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(END_LIMIT_S)


def install(directory: Path, site: str, changes: Mapping[str, str]) -> None:
    """Lay the shipped files out as under /etc/nginx, each text of `changes` replaced."""
    texts = {name: (SHIPPED / name).read_text() for name in (site, *INSTALLED)}
    for shipped, here in changes.items():
        assert any(shipped in text for text in texts.values()), f"{shipped} does not stand in config/nginx"
        texts = {name: text.replace(shipped, here) for name, text in texts.items()}
    (directory / "conf.d").mkdir(parents=True)
    (directory / "gateway").mkdir()
    (directory / "conf.d" / site).write_text(texts.pop(site))
    for name, text in texts.items():
        (directory / name).write_text(text)
    user = f"user {pwd.getpwuid(0).pw_name};" if os.geteuid() == 0 else ""
    (directory / "nginx.conf").write_text(MAIN.format(directory=directory, user=user))


def nginx_command(directory: Path, *options: str) -> list[str]:
    """How nginx is started on what `install` laid out."""
    start_log = str(directory / "start.error.log")
    return [
        *(program("nginx"), "-p", str(directory), "-c", str(directory / "nginx.conf"), "-e", start_log),
        *options,
    ]


@pytest.fixture(scope="module")
def start_nginx(
    tmp_path_factory: pytest.TempPathFactory, certificate: Certificate
) -> Iterator[Callable[..., NginxProcess]]:
    """Starts nginx: `start_nginx(upstreams, changes)`, see `NginxProcess`; all end with the module."""
    started: list[NginxProcess] = []

    def start(upstreams: Sequence[int | str], changes: Mapping[str, str] | None = None) -> NginxProcess:
        directory = tmp_path_factory.mktemp("nginx")
        started.append(NginxProcess(directory, certificate, upstreams, changes))
        return started[-1]

    yield start
    for nginx in started:
        nginx.stop()
