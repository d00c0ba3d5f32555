import pytest
from fix_browser import browser
from fix_live import FeedOpenD

__all__ = ["browser", "feed_opend"]


@pytest.fixture
def feed_opend():
    """A scripted OpenD in this thread's gevent loop."""
    opend = FeedOpenD()
    yield opend
    opend.close()
