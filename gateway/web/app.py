"""Puts the parts of one application together. Nothing here is global, and nothing opens a socket."""

from flask import Flask

from gateway.clock import Clock
from gateway.feed.subscriptions import Subscriptions
from gateway.opend.client import Client
from gateway.schema.codec import Codec
from gateway.settings import Settings
from gateway.trading.desk import Desk
from gateway.web.auth import LocalGuard
from gateway.web.blueprints.ops import ops_blueprint
from gateway.web.blueprints.quote import quote_blueprint
from gateway.web.blueprints.system import system_blueprint
from gateway.web.blueprints.trade import trade_blueprint
from gateway.web.dispatch import Services
from gateway.web.errors import register_error_handlers
from gateway.web.front import Front

BLUEPRINTS = (system_blueprint, quote_blueprint, trade_blueprint, ops_blueprint)


def create_app(settings: Settings, client: Client, codec: Codec, clock: Clock) -> Flask:
    """The application. `client` is not opened here: that is for the process that will use it."""
    subscriptions = Subscriptions(client, auto_subscribe=settings.quote.auto_subscribe)
    services = Services(
        settings=settings,
        clock=clock,
        codec=codec,
        client=client,
        guard=LocalGuard(embedded=settings.opend.embedded),
        desk=Desk(client, clock),
        subscriptions=subscriptions,
    )
    client.on_session = lambda connection: subscriptions.restore()
    app = _bare_flask()
    for blueprint in BLUEPRINTS:
        app.register_blueprint(blueprint(services))
    register_error_handlers(app)
    app.wsgi_app = Front(app.wsgi_app, clock)  # type: ignore[method-assign]
    return app


def _bare_flask() -> Flask:
    """Flask without what it adds by itself: static files, OPTIONS, redirects of slashes."""
    app = Flask("gateway", static_folder=None)
    app.config["PROVIDE_AUTOMATIC_OPTIONS"] = False
    app.url_map.merge_slashes = False
    app.url_map.redirect_defaults = False
    return app
