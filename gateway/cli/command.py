"""The command `gw` and its groups."""

from pathlib import Path
from typing import Any

import click

from gateway.cli.audit import audit
from gateway.cli.check import check
from gateway.cli.claims import claims
from gateway.cli.doctor import doctor
from gateway.cli.installation import Installation
from gateway.cli.intents import intents
from gateway.cli.keys import keys
from gateway.cli.openapi import openapi
from gateway.cli.trading import trading
from gateway.errors import GatewayError
from gateway.settings import CONFIG_VARIABLE
from gateway.yaml_text import ConfigurationError


class _Failing(click.Group):
    """Turns what the gateway's parts raise into one message and exit status 1."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            raise  # whoever read the output has enough of it, as `head` does: click ends without a word
        except (ConfigurationError, GatewayError, OSError) as error:
            raise click.ClickException(str(error)) from error


@click.group(cls=_Failing, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--config",
    type=click.Path(path_type=Path, dir_okay=False),
    envvar=CONFIG_VARIABLE,
    help="The gateway's settings.  [default: config/gateway.yaml]",
)
@click.pass_context
def gw(ctx: click.Context, config: Path | None) -> None:
    """Checks, keys, the kill switch, the audit, the intents and the claims of a gateway.

    Works on the files and the store that the gateway's settings name, whether it runs or not.

    \b
    Examples:
      gw check
      gw keys new bot --scopes qot:read,acc:read,trade:simulate
      gw trading halt --cancel-open
      gw audit verify
      gw intents list --open

    Exit status: 0 done, 1 a problem was found, 2 the command was not understood.
    """
    ctx.obj = Installation(config)


for _command in (check, keys, trading, audit, intents, claims, openapi, doctor):
    gw.add_command(_command)
