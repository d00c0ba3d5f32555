"""Dockerfile and compose.yaml, as far as they can be held to account where no engine is.

Linters read them; what the image is made of is installed and started here, by the file's own commands.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from urllib.request import urlopen

import pytest
import yaml
from fix_gateway import END_LIMIT_S, ROOT, START_LIMIT_S, free_port, wait_until
from fix_store import RedisServer, short_directory

from gateway.ledger.redis import RedisLedger
from gateway.settings import load

PORT = "22222"
SCRIPTS = Path(sys.executable).parent
MADE_BY_THE_USER = "./var/tls/"


def instructions():
    """The instructions of the Dockerfile, stage by stage: pairs of a word and what stands behind it."""
    text = (ROOT / "Dockerfile").read_text().replace("\\\n", " ")
    stages = []
    for line in text.splitlines():
        word, _, rest = line.strip().partition(" ")
        if word == "FROM":
            stages.append([])
        if word and not word.startswith("#"):
            stages[-1].append((word, rest.strip()))
    return stages


def copies(stage):
    """What a stage copies from the project: pairs of names and the place they go to."""
    words = [rest.split() for word, rest in stage if word == "COPY" and "--from" not in rest]
    return [(names, place) for *names, place in words]


def copy_into(directory, stage):
    """Copy as the stage does; only what .dockerignore lets through."""
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line[:1] == "!"}
    for names, place in copies(stage):
        for name in names:
            assert name in allowed, f"{name} is not let through by .dockerignore"
            source = ROOT / name
            target = directory / place / ("" if source.is_dir() else source.name)
            if source.is_dir():
                shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(source, target)


def test_the_linter_has_nothing_to_say_of_the_dockerfile():
    done = subprocess.run([SCRIPTS / "hadolint", "Dockerfile"], cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "")


def test_the_image_runs_as_nobody_that_matters():
    assert ("USER", "10001") in instructions()[-1]
    assert "--uid 10001" in dict(instructions()[-1])["RUN"]


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    """The directories of the image that the project fills: the installed package, and /app."""
    build, site, app = (tmp_path_factory.mktemp("image") / name for name in ("build", "site", "app"))
    first, last = instructions()
    copy_into(build, first)
    copy_into(app, last)
    command = [sys.executable, "-m", "pip", "install", "-q", "--disable-pip-version-check", "--no-deps"]
    subprocess.run([*command, "--target", str(site), "."], cwd=build, check=True, timeout=300)
    return site, app


@pytest.fixture
def container(image, tmp_path):
    """The process that the image's CMD is, with the port it listens on here."""
    site, app = image
    port, settings = free_port(), tmp_path / "gateway.yaml"
    opend = {"endpoints": [f"127.0.0.1:{free_port()}"]}
    settings.write_text(json.dumps({"server": {"bind": f"127.0.0.1:{port}"}, "opend": opend}))
    environ = {
        "PATH": f"{SCRIPTS}:{os.environ['PATH']}",
        "PYTHONPATH": str(site),
        "GATEWAY_CONFIG": str(settings),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    (words,) = [json.loads(rest) for word, rest in instructions()[-1] if word == "CMD"]
    words[0] = str(SCRIPTS / words[0])
    process = subprocess.Popen(words, cwd=app, env=environ)
    yield port, environ
    process.terminate()
    assert process.wait(END_LIMIT_S) == 0


def answers(port):
    try:
        with urlopen(f"http://127.0.0.1:{port}/health", timeout=5) as answer:
            return json.loads(answer.read())
    except OSError:  # nobody listens yet, or no worker has come up
        return None


def health_check(port):
    """The exit status of the image's HEALTHCHECK."""
    (check,) = [rest.partition("CMD ")[2] for word, rest in instructions()[-1] if word == "HEALTHCHECK"]
    words = [word.replace(PORT, str(port)) for word in json.loads(check)]
    return subprocess.run([sys.executable, *words[1:]], stderr=subprocess.DEVNULL, timeout=30).returncode


def test_what_the_image_holds_is_enough_to_serve(image, container):
    site, app = image
    port, environ = container
    wait_until(lambda: answers(port), START_LIMIT_S)
    assert health_check(port) == 0
    assert health_check(free_port()) != 0
    where = [sys.executable, "-c", "import gateway; print(gateway.__file__)"]
    done = subprocess.run(where, cwd=app, env=environ, capture_output=True, text=True, check=True)
    assert done.stdout.startswith(str(site))


@pytest.fixture(scope="module")
def compose():
    return yaml.safe_load((ROOT / "compose.yaml").read_text())


def test_compose_yaml_is_what_the_compose_specification_says():
    command = [SCRIPTS / "check-jsonschema", "--builtin-schema", "vendor.compose-spec", "compose.yaml"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def mounts(compose):
    return {
        name: [volume.split(":") for volume in service.get("volumes", ())]
        for name, service in compose["services"].items()
    }


def test_every_file_that_is_mounted_is_there_and_read_only(compose):
    for name, volumes in mounts(compose).items():
        for source, _, *mode in volumes:
            if not source.startswith("./"):
                assert source in compose["volumes"], name
                continue
            assert mode == ["ro"], source
            assert source.startswith(MADE_BY_THE_USER) or (ROOT / source).exists(), source


def test_nothing_is_reached_from_outside_but_nginx(compose):
    ports = {name: service["ports"] for name, service in compose["services"].items() if "ports" in service}
    assert ports == {"nginx": ["443:443"], "grafana": ["127.0.0.1:3000:3000"]}


def test_every_service_is_closed_and_every_image_has_a_version(compose):
    for name, service in compose["services"].items():
        assert service["read_only"], name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert "build" in service or service["image"].rpartition(":")[2][0] in "v0123456789", name


def test_the_gateways_settings_fit_what_runs_beside_it(compose):
    file = ROOT / "config" / "compose" / "gateway.yaml"
    settings = load({"GATEWAY_CONFIG": str(file)})
    assert settings.ledger == "redis://redis:6379/0"
    assert {"gateway", "redis"} <= set(compose["services"])
    assert str(settings.server.bind) == f"0.0.0.0:{PORT}"
    assert f"server gateway:{PORT};" in (ROOT / "config" / "nginx" / "compose.conf").read_text()
    (subnet,) = compose["networks"]["watch"]["ipam"]["config"]
    assert subnet["subnet"] in map(str, settings.ops.metrics_allow)
    kept = dict(volume[:2] for volume in mounts(compose)["gateway"])["state"]
    assert {str(settings.auth.policy.parent), str(settings.audit.parent)} == {kept}


def test_redis_as_compose_starts_it_is_good_enough_for_the_ledger(compose):
    program, *options = compose["services"]["redis"]["command"]
    assert program == "redis-server"
    directory = short_directory()
    server = RedisServer(directory, *options)
    ledger = RedisLedger(server.url)
    try:
        assert ledger.open_intents() == []
    finally:
        ledger.close()
        server.kill()
        shutil.rmtree(directory)
