"""README.md is held to what the product does: tables, commands, answers; README.zh-CN.md to README.md."""

import importlib.util
import json
import os
import pkgutil
import re
import shlex
import subprocess
from importlib import import_module
from pathlib import Path

import click
import pytest
from fix_gateway import free_port

import gateway as package
from gateway.cli.command import gw
from gateway.errors import GatewayError
from gateway.policy.loader import parse_policy
from gateway.policy.model import Limits
from gateway.policy.reasons import DenyReason
from gateway.settings import AuthMode, load

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
FILES = {name: (ROOT / name).read_text() for name in ("README.md", "README.zh-CN.md")}
USERS_FILES = ["config/gateway.yaml", "config/policy.yaml"]
ADDRESS = "127.0.0.1:22222"
EXAMPLES = re.findall(r"```console\n\$ (curl .*?)\n(.*?)\n```", README, re.DOTALL)


def tables():
    spec = importlib.util.spec_from_file_location("tables", ROOT / "docs" / "tables.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", FILES)
def test_the_tables_are_fresh(name):
    assert tables().with_tables(FILES[name], name) == FILES[name], "run `make docs`"


def sections(text):
    """(depth, title, body) of each part below a heading, in order; a # in a block of code is none."""
    found, is_code = [], False
    for line in text.splitlines(keepends=True):
        is_code ^= line.startswith("```")
        heading = not is_code and re.match(r"(#+) (.*)\n", line)
        if heading:
            found.append((len(heading[1]), heading[2], []))
        else:
            found[-1][2].append(line)
    return [(depth, title, "".join(lines)) for depth, title, lines in found]


def commands(body):
    """What stands in the blocks of code, without the comments, which are for people."""
    blocks = re.findall(r"^```(.*?)^```$", body, re.MULTILINE | re.DOTALL)
    return [[re.sub(r"(^|\s+)#.*", "", line) for line in block.splitlines()] for block in blocks]


def words(body):
    """The names between backticks and the links, outside blocks of code and generated tables."""
    body = re.sub(r"^```.*?^```$|<!-- (\w+) -->.*?<!-- /\1 -->", "", body, flags=re.MULTILINE | re.DOTALL)
    links = [link for link in re.findall(r"\]\(([^)]+)\)", body) if not link.startswith(("#", "README"))]
    return sorted(re.findall(r"`[^`\n]+`", body)), sorted(links)


def test_both_languages_have_the_same_sections_commands_and_names():
    english, chinese = (sections(text) for text in FILES.values())
    assert len(english) > 20
    assert [depth for depth, *_ in english] == [depth for depth, *_ in chinese]
    for (_, title, body), (_, translated, other) in zip(english, chinese, strict=True):
        assert commands(body) == commands(other), (title, translated)
        assert words(body) == words(other), (title, translated)
        marks = [re.findall("<!-- .*? -->", text) for text in (body, other)]
        assert marks[0] == marks[1], (title, translated)
        rows = [len(re.findall(r"^\|", text, re.MULTILINE)) for text in (body, other)]
        assert rows[0] == rows[1], (title, translated)


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
    text = (ROOT / "config" / "policy.example.yaml").read_text()
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


def anchor(title):
    """The address of a heading, as GitHub makes it."""
    return re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")


@pytest.mark.parametrize("name", FILES)
def test_every_link_leads_somewhere(name):
    anchors = {anchor(title) for _, title, _ in sections(FILES[name])}
    for target in re.findall(r"\]\(([^)]+)\)", FILES[name]):
        file, _, heading = target.partition("#")
        assert (ROOT / file).exists(), target
        assert not heading or heading in anchors, target


def test_each_language_links_the_other_at_the_top():
    assert "(README.zh-CN.md)" in FILES["README.md"].splitlines()[2]
    assert "(README.md)" in FILES["README.zh-CN.md"].splitlines()[2]


def test_the_settings_for_a_real_opend_are_good(tmp_path):
    (example,) = re.findall(r"```yaml\n(opend:\n.*?)```", README, re.DOTALL)
    (tmp_path / "gateway.yaml").write_text(example)
    settings = load({}, tmp_path / "gateway.yaml")
    assert (settings.opend.embedded, settings.auth.mode) == (False, AuthMode.LOCAL)


def test_every_command_of_gw_is_one():
    named = re.findall(r"(?:^|[`/ ])gw((?: [a-z]+)+)", README, re.MULTILINE)
    assert len(named) > 30
    for words_of in named:
        command = gw
        for word in words_of.split():
            if not isinstance(command, click.Group):
                break
            assert word in command.commands, words_of
            command = command.commands[word]


def test_every_file_of_the_configuration_that_is_named_exists():
    for name in re.findall(r"(?<![\w/])config/[\w./-]*\w", README):
        assert (ROOT / name).exists() or name in USERS_FILES, name


@pytest.mark.parametrize("name", USERS_FILES)
def test_a_file_of_the_users_is_not_in_git_and_has_an_example_beside_it(name):
    assert name in (ROOT / ".gitignore").read_text().splitlines()
    assert (ROOT / name).with_suffix(".example.yaml").exists()


def test_make_makes_the_settings_once_and_leaves_those_alone_that_are_there(tmp_path):
    for name in ("Makefile", "config/gateway.example.yaml"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    made, example = tmp_path / "config" / "gateway.yaml", tmp_path / "config" / "gateway.example.yaml"
    for expected in (example.read_text(), "auth: {mode: keys}\n"):
        subprocess.run(["make", "-s", "config/gateway.yaml"], cwd=tmp_path, check=True)
        assert made.read_text() == expected
        made.write_text("auth: {mode: keys}\n")
        os.utime(made, (0, 0))


def test_every_make_target_that_is_named_exists():
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"(?:^|`|=[\w.:]+ )make ([a-z]+)", README, re.MULTILINE)) <= targets
