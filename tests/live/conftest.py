import pytest
from fix_live import FeedOpenD


@pytest.fixture
def feed_opend():
    """A scripted OpenD in this thread's gevent loop."""
    opend = FeedOpenD()
    yield opend
    opend.close()
