"""`gw audit`: whether the audit is whole, and what stands at its end."""

from collections import deque
from pathlib import Path
from typing import Any

import click
import orjson

from gateway.audit import VerifyReport
from gateway.audit import verify as verify_files
from gateway.cli.installation import Installation, pass_installation
from gateway.cli.output import json_option, print_json, print_table

_HASH_LENGTH = 64


@click.group()
def audit() -> None:
    """Check and read the record of who asked for what and what became of it.

    \b
    Examples:
      gw audit verify
      gw audit tail -n 50
    """


def _hash(ctx: click.Context, param: click.Parameter, text: str | None) -> str | None:
    if text is not None and (len(text) != _HASH_LENGTH or set(text) - set("0123456789abcdef")):
        raise click.BadParameter("must be 64 hex digits, as a check prints them")
    return text


@audit.command("verify")
@click.argument("files", metavar="[FILE]...", nargs=-1, type=click.Path(path_type=Path, dir_okay=False))
@click.option("--expect", callback=_hash, metavar="HASH", help="A hash that an earlier check gave.")
@json_option
@pass_installation
def verify(installation: Installation, files: tuple[Path, ...], expect: str | None, as_json: bool) -> None:
    """Check that no line is altered, missing, inserted or moved; exit with 1 if one is.

    Without FILE it checks the file of the settings. Several files are taken for one audit that was
    rotated, the oldest first. Lines cut off at the end show only by --expect.

    \b
    Examples:
      gw audit verify
      gw audit verify var/audit.jsonl.1 var/audit.jsonl
      gw audit verify --expect 5e86489c...
    """
    first, *more = files or (installation.settings.audit,)
    report = verify_files(first, *more, expected_hash=expect)
    if as_json:
        print_json(_report_words(report))
    else:
        _tell(report)
    if not report.is_intact:
        raise SystemExit(1)


def _report_words(report: VerifyReport) -> dict[str, Any]:
    return {
        "is_intact": report.is_intact,
        "lines": report.lines,
        "first_seq": report.first.seq if report.first else None,
        "last_seq": report.last.seq if report.last else None,
        "last_hash": report.last.digest if report.last else None,
        "findings": [
            {"file": str(each.path), "line": each.line, "flaw": each.flaw, "text": each.text}
            for each in report.findings
        ],
    }


def _tell(report: VerifyReport) -> None:
    for finding in report.findings:
        click.echo(str(finding))
    if report.first is None or report.last is None:
        click.echo("No line of an audit.")
    else:
        click.echo(f"{report.lines} lines, seq {report.first.seq} to {report.last.seq}.")
        click.echo(f"Last hash, to be kept elsewhere: {report.last.digest}")
    breaks = len(report.breaks)
    click.echo("The chain holds." if report.is_intact else f"The chain is broken: {breaks} found.")


@audit.command("tail")
@click.option("-n", "--lines", "count", type=click.IntRange(min=1), default=20, show_default=True)
@json_option
@pass_installation
def tail(installation: Installation, count: int, as_json: bool) -> None:
    """Show the last lines of the audit; --json prints them as they are, one a line.

    \b
    Examples:
      gw audit tail
      gw audit tail -n 1000 --json | jq 'select(.reason == "rate")'
    """
    with installation.settings.audit.open("rb") as file:
        last = deque(file, count)
    if as_json:
        click.echo(b"".join(last).decode("utf-8", "replace"), nl=False)
        return
    print_table(
        ("TIME", "KIND", "WHO", "ROUTE", "ACCOUNT", "ORDER", "RESULT", "WHY"),
        [_row(raw) for raw in last],
        "The audit is empty.",
    )


def _row(raw: bytes) -> tuple[object, ...]:
    try:
        line: dict[str, Any] = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return (None, "torn", *[None] * 6)
    account = " ".join(str(line[name]) for name in ("acc_id", "environment") if name in line)
    result = " ".join(str(line[name]) for name in ("decision", "outcome") if name in line)
    why = ": ".join(str(line[name]) for name in ("reason", "detail") if name in line)
    who = " for ".join(line[name] for name in ("actor", "key_id") if name in line)
    return (
        line.get("time"),
        line.get("kind"),
        who or None,
        line.get("route"),
        account or None,
        _order(line),
        result or None,
        why or None,
    )


def _order(line: dict[str, Any]) -> str | None:
    words = [line[name] for name in ("side", "quantity", "code") if name in line]
    price = [f"at {line['price']}"] if "price" in line else []
    return " ".join(map(str, words + price)) or None
