"""`gw openapi`: the interface as a document, without a gateway that runs."""

from datetime import UTC, datetime
from importlib.metadata import version

import click
import orjson

from gateway.cli.installation import Installation, pass_installation
from gateway.openapi.document import build_document
from gateway.openapi.situation import Situation
from gateway.web.blueprints.ops import DISTRIBUTION


@click.command()
@pass_installation
def openapi(installation: Installation) -> None:
    """Print the OpenAPI document of a gateway with these settings, as /openapi.json has it.

    \b
    Example:
      gw openapi > openapi.json
    """
    today = datetime.fromtimestamp(installation.clock.wall_s(), UTC).date()
    situation = Situation.of(installation.settings, version(DISTRIBUTION), today)
    click.echo(orjson.dumps(build_document(situation), option=orjson.OPT_INDENT_2).decode())
