"""The product's own gunicorn configuration, with workers that tell when they have started.

Each leaves a file with its process's number, and writes into it how many greenlets it has while the
file `ask` is there. Their wall clock is ahead of the machine's by as many seconds as the file `clock` says.
Nothing in the product knows of them.
"""

import gc
import os
from pathlib import Path
from runpy import run_path

import gevent

LOOK_INTERVAL_S = 0.25
CLOCK_INTERVAL_S = 0.05

product = run_path(str(Path("config/gunicorn.conf.py").resolve()))
globals().update({name: value for name, value in product.items() if not name.startswith("__")})


def post_worker_init(worker):
    """Go on as the product does, and then say so."""
    mark = Path(os.environ["SOAK_DIRECTORY"], str(os.getpid()))
    set_clock(mark.with_name("clock"))
    product["post_worker_init"](worker)
    mark.touch()
    gevent.spawn(count_when_asked, mark)


def count_when_asked(mark):
    """Those of native threads, of which there are a few for good, are no `gevent.Greenlet`."""
    while True:
        if mark.with_name("ask").exists() and not mark.read_text():
            new = mark.with_suffix(".new")
            gc.collect()
            new.write_text(
                str(sum(isinstance(each, gevent.Greenlet) and not each.dead for each in gc.get_objects()))
            )
            new.replace(mark)
        gevent.sleep(LOOK_INTERVAL_S)


def set_clock(file):
    """Let the worker's wall clock follow the file, from its first reading on."""
    from gateway.clock import SystemClock

    ahead_s = read_seconds(file)
    right_s = SystemClock.wall_s
    SystemClock.wall_s = lambda clock: right_s(clock) + ahead_s

    def follow():
        nonlocal ahead_s
        while True:
            gevent.sleep(CLOCK_INTERVAL_S)
            ahead_s = read_seconds(file)

    gevent.spawn(follow)


def read_seconds(file):
    """What stands in a file; 0 when it is not there."""
    return float(file.read_text()) if file.exists() else 0.0
