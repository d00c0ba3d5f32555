"""The application, in workers that begin to serve only while a file is there."""

import os
import time
from pathlib import Path

from gateway.web.serve import app_of_master

MAY_START = Path(os.environ["MAY_START_FILE"])

while not MAY_START.exists():
    time.sleep(0.02)
app = app_of_master()
