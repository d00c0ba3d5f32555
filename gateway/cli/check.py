"""`gw check`: whether a gateway can run with what is there."""

import click

from gateway.cli.checkup import Verdict, check_up
from gateway.cli.installation import Installation, pass_installation
from gateway.cli.output import json_option, print_json, print_table


@click.command()
@json_option
@pass_installation
def check(installation: Installation, as_json: bool) -> None:
    """Look at settings, policy, files, ledger, audit, OpenD, clock and address.

    One line each; the exit status is 1 if something is wrong. A warning is none.

    \b
    Examples:
      gw check
      gw --config /etc/gateway/gateway.yaml check --json
    """
    findings = list(check_up(installation))
    if as_json:
        print_json([{"name": each.name, "verdict": each.verdict, "text": each.text} for each in findings])
    else:
        rows = [(each.name, each.verdict, each.text) for each in findings]
        print_table(("WHAT", "STATE", "FOUND"), rows, "")
    if any(each.verdict is Verdict.WRONG for each in findings):
        raise SystemExit(1)
