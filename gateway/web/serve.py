"""The application that a worker of gunicorn serves, and the connections that it opens and closes."""

import logging
import os
import sys
import time
from typing import cast

from flask import Flask

from gateway.boot import MASTER
from gateway.clock import Clock, SystemClock
from gateway.opend.client import Client, ClientSettings
from gateway.opend.errors import RsaKeyError
from gateway.schema.codec import Codec
from gateway.settings import Settings
from gateway.web.app import create_app

CLIENT = "opend_client"
"""The name of the client among the application's extensions."""

RETRY_PAUSE_S = 1.0

_log = logging.getLogger(__name__)


def app_of_master() -> Flask:
    """The application under the settings that the master keeps; its client is not open yet.

    Without a master, as under another server, the settings are read here: raises ConfigurationError.
    """
    settings = MASTER.settings or MASTER.load_settings(os.environ)
    clock = SystemClock()
    client = _client(settings, clock)
    app = create_app(settings, client, Codec(settings.api.trd_env_numbering), clock)
    app.extensions[CLIENT] = client
    return app


def _client(settings: Settings, clock: Clock) -> Client:
    try:
        return Client(client_settings(settings), clock=clock)
    except RsaKeyError as error:
        # The key was good when the master read the settings. An exception here would make gunicorn end
        # the whole gateway; another exit lets the other workers serve on, and this one is tried again.
        _log.critical("this worker cannot start: %s", error)
        time.sleep(RETRY_PAUSE_S)
        sys.exit(1)


def client_settings(settings: Settings) -> ClientSettings:
    """What the OpenD client has to know."""
    opend = settings.opend
    return ClientSettings(
        endpoints=opend.endpoints[:1] if opend.embedded else opend.endpoints,
        pool_size=opend.pool_size,
        max_in_flight=opend.max_in_flight,
        timeout_s=opend.timeout_s,
        rsa_key=opend.rsa_key,
    )


def client_of(app: Flask) -> Client:
    """The OpenD client of an application that `app_of_master` made."""
    return cast(Client, app.extensions[CLIENT])
