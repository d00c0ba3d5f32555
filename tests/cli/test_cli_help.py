import configparser
import importlib
import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from gateway.cli.command import gw

ROOT = Path(__file__).parents[2]


def commands(group: click.Group, path: tuple[str, ...] = ()):
    yield path
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))
        else:
            yield (*path, name)


COMMANDS = list(commands(gw))


def test_every_command_is_there():
    assert [" ".join(path) for path in COMMANDS] == [
        "",
        "check",
        "keys",
        "keys new",
        "keys list",
        "keys revoke",
        "keys import",
        "trading",
        "trading halt",
        "trading reduce",
        "trading resume",
        "trading show",
        "audit",
        "audit verify",
        "audit tail",
        "intents",
        "intents list",
        "intents show",
        "intents resolve",
        "claims",
        "claims list",
        "claims drop",
        "openapi",
        "doctor",
    ]


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_help_has_examples_of_the_command_itself(path):
    result = CliRunner().invoke(gw, [*path, "--help"])
    assert result.exit_code == 0
    head, _, examples = result.output.partition("Example")
    assert head.strip()
    assert " ".join(["  gw", *path]) in examples


def test_help_needs_no_settings(tmp_path):
    result = CliRunner().invoke(gw, ["--config", str(tmp_path / "none.yaml"), "keys", "list", "--help"])
    assert result.exit_code == 0


@pytest.mark.parametrize(
    "arguments",
    [
        ["none"],
        ["keys", "new"],
        ["keys", "new", "bot"],
        ["trading", "resume", "--cancel-open"],
        ["audit", "verify", "-x"],
    ],
)
def test_command_that_is_not_understood_exits_with_2(site, arguments):
    result = site.gw(*arguments)
    assert result.exit_code == 2
    assert "Usage:" in result.stderr


def test_settings_that_are_missing_or_wrong_are_a_problem_with_their_place(site):
    site.config.write_text("auth:\n  moode: keys\n")
    result = site.gw("keys", "list")
    assert result.exit_code == 1
    assert f"{site.config}:2:3: auth.moode: unknown name" in result.stderr
    site.config.unlink()
    assert site.gw("trading", "halt").exit_code == 1


def test_console_script_of_setup_cfg_is_the_command():
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    name, _, target = setup["options.entry_points"]["console_scripts"].strip().partition(" = ")
    module, _, attribute = target.partition(":")
    assert name == "gw"
    assert getattr(importlib.import_module(module), attribute) is gw


def run(site, *arguments, **environ):
    return subprocess.run(
        [sys.executable, "-m", "gateway.cli", *arguments],
        cwd=site.directory,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environ},
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_process_finds_the_settings_by_the_environment_or_in_its_directory(site):
    by_environment = run(site, "trading", "halt", GATEWAY_CONFIG=str(site.config))
    assert (by_environment.returncode, by_environment.stderr) == (0, "")
    assert by_environment.stdout == "Trading is halted for all keys.\n"
    (site.directory / "config").mkdir()
    settings = json.loads(site.config.read_text())
    settings |= {"ledger": "sqlite:../var/ledger.db", "audit": "../var/audit.jsonl"}
    (site.directory / "config" / "gateway.yaml").write_text(json.dumps(settings))
    shown = run(site, "trading", "show", "--json")
    assert (shown.returncode, shown.stderr) == (0, "")
    assert [switch["state"] for switch in json.loads(shown.stdout)] == ["halted"]
    assert run(site, "audit", "verify").returncode == 0
    assert run(site, "intents", "show", "none").returncode == 1


def test_a_reader_that_has_had_enough_gets_no_error(site):
    command = shlex.join([sys.executable, "-m", "gateway.cli", "--config", str(site.config), "openapi"])
    piped = subprocess.run(["sh", "-c", f"{command} | true"], cwd=ROOT, capture_output=True, timeout=60)
    assert piped.stderr == b""
