from gateway.routes import ROUTES


def test_the_table_has_the_pages_41_endpoints():
    assert len(ROUTES) == 41
    assert len({(route.method, route.path) for route in ROUTES}) == 41
    assert sum(route.method == "GET" for route in ROUTES) == 5
