"""The trade rows of the route table."""

from flask import Blueprint

from gateway.routes import Domain
from gateway.web.dispatch import Services, bind_rows


def trade_blueprint(services: Services) -> Blueprint:
    """The endpoints of the trade domain."""
    blueprint = Blueprint("trade", __name__)
    bind_rows(blueprint, Domain.TRADE, services, {})
    return blueprint
