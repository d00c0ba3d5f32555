"""The system rows of the route table."""

from flask import Blueprint

from gateway.routes import Domain
from gateway.web.dispatch import bind_rows
from gateway.web.services import Services


def system_blueprint(services: Services) -> Blueprint:
    """The endpoints of the system domain."""
    blueprint = Blueprint("system", __name__)
    bind_rows(blueprint, Domain.SYSTEM, services, {})
    return blueprint
