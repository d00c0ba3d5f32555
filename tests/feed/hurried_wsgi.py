"""The application in a hurry: it takes a subscription of a second for one that may be given up.

OpenD, whose time stands still until a test moves it, does not; what it refuses is soon tried again.
"""

import gateway.feed.alignment
from gateway.web.serve import app_of_master

gateway.feed.alignment.MIN_AGE_S = 1.0
gateway.feed.alignment.FIRST_PAUSE_S = 0.2
gateway.feed.alignment.LONGEST_PAUSE_S = 0.5

app = app_of_master()
