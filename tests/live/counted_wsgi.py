"""The application, in a worker that tells in a file how many greenlets it has."""

import gc
import os
from pathlib import Path

import gevent

from gateway.web.serve import app_of_master

COUNT_FILE = Path(os.environ["GREENLET_COUNT_FILE"])


def count_for_ever() -> None:
    """Those of native threads, of which there are a few for good, are no `gevent.Greenlet`."""
    while True:
        living = sum(isinstance(each, gevent.Greenlet) and not each.dead for each in gc.get_objects())
        new = COUNT_FILE.with_suffix(".new")
        new.write_text(str(living))
        new.replace(COUNT_FILE)
        gevent.sleep(0.5)


app = app_of_master()
gevent.spawn(count_for_ever)
