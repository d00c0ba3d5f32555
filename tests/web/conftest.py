import fix_web
import pytest
from fix_web import gateway, gateway_with, real_gateway, shared_gateway

__all__ = ["body_of", "gateway", "gateway_with", "real_gateway", "shared_gateway"]


@pytest.fixture
def body_of():
    """Tells a valid body for a route, by its name."""
    return fix_web.body_of
