"""README.md is held to what the product does: its tables, its commands, its answers."""

import importlib.util
import json
import pkgutil
import re
import shlex
import subprocess
from importlib import import_module
from pathlib import Path

import pytest
from fix_gateway import free_port

import gateway as package
from gateway.errors import GatewayError
from gateway.policy.loader import parse_policy
from gateway.policy.model import Limits
from gateway.policy.reasons import DenyReason

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
ADDRESS = "127.0.0.1:22222"
EXAMPLES = re.findall(r"```console\n\$ (curl .*?)\n(.*?)\n```", README, re.DOTALL)


def tables():
    spec = importlib.util.spec_from_file_location("tables", ROOT / "docs" / "tables.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_tables_are_fresh():
    assert tables().with_tables(README) == README, "run `make docs`"


def _every(error):
    for kind in error.__subclasses__():
        yield kind
        yield from _every(kind)


def test_the_error_table_has_every_status_that_an_error_becomes():
    for module in pkgutil.walk_packages(package.__path__, "gateway."):
        if not module.name.endswith("__main__"):
            import_module(module.name)
    statuses = {error.status for error in _every(GatewayError) if isinstance(error.status, int)}
    assert statuses | {reason.status for reason in DenyReason} <= set(tables().STATUSES)


def test_the_policy_of_the_readme_is_one():
    (example,) = re.findall(r"```yaml\n(version: 1\n.*?)```", README, re.DOTALL)
    assert [key.principal.key_id for key in parse_policy(example, "README.md").keys] == ["sim-bot"]


def test_the_policy_file_of_the_project_and_its_comments_are_good():
    text = (ROOT / "config" / "policy.yaml").read_text()
    assert parse_policy(text, "policy.yaml").keys == ()
    lines = [line[2:] for line in text.splitlines() if re.match(r"# {2,}\S", line)]
    example = "version: 1\nkeys:\n" + "\n".join(lines).replace("sha256:...", "sha256:" + "0" * 64)
    (key,) = parse_policy(example, "policy.yaml").keys
    assert {
        name for name in Limits.__dataclass_fields__ if getattr(key.principal.limits, name) is None
    } == set()


def shape(value):
    """What kind of thing a JSON value is, whatever the prices are."""
    if isinstance(value, dict):
        return {name: shape(each) for name, each in value.items()}
    if isinstance(value, list):
        return [shape(each) for each in value[:1]]
    return type(value).__name__


@pytest.fixture(scope="module")
def newcomers_gateway(tmp_path_factory):
    from fix_gateway import GatewayProcess

    directory = tmp_path_factory.mktemp("readme")
    process = GatewayProcess(directory, {"opend": {"endpoints": [f"127.0.0.1:{free_port()}"]}})
    yield process.wait_ready()
    process.stop()


def test_there_are_five_examples():
    assert len(EXAMPLES) == 5
    assert all(ADDRESS in command for command, _ in EXAMPLES)


def test_the_examples_answer_as_the_readme_says(newcomers_gateway):
    for command, said in EXAMPLES:
        here = command.replace(ADDRESS, f"127.0.0.1:{newcomers_gateway.port}")
        answer = subprocess.run(shlex.split(here), capture_output=True, check=True, timeout=30).stdout
        assert shape(json.loads(answer)) == shape(json.loads(said)), command


def test_the_accounts_are_those_of_the_readme(newcomers_gateway):
    listed = newcomers_gateway.get("/api/accounts")["s2c"]["acc_list"]
    named = re.findall(r"^\| (\d{6,}) \| (\"real\"|paper)", README, re.MULTILINE)
    environments = {1: "paper", 2: '"real"'}
    assert [(str(each["acc_id"]), environments[each["trd_env"]]) for each in listed] == named


def test_every_link_leads_somewhere():
    for target in re.findall(r"\]\(([^)]+)\)", README):
        assert (ROOT / target).exists(), target


def test_every_file_of_the_configuration_that_is_named_exists():
    for name in re.findall(r"(?<![\w/])config/[\w./-]*\w", README):
        assert (ROOT / name).exists(), name


def test_every_make_target_that_is_named_exists():
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"(?:^|`|11 |:22223 )make ([a-z]+)", README, re.MULTILINE)) <= targets
