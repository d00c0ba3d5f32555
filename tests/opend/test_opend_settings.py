import pytest

from gateway.opend.settings import ClientSettings, Endpoint


@pytest.mark.parametrize(
    ("text", "endpoint"),
    [
        ("127.0.0.1:11111", Endpoint("127.0.0.1", 11111)),
        ("opend:1", Endpoint("opend", 1)),
        ("[::1]:65535", Endpoint("::1", 65535)),
    ],
)
def test_an_endpoint_is_read_and_printed(text, endpoint):
    assert Endpoint.parse(text) == endpoint
    assert str(endpoint) == text


@pytest.mark.parametrize(
    "text", ["", "host", ":1", "host:", "host:0", "host:65536", "host:-1", "host:1x", "host:١"]
)
def test_what_is_no_endpoint_is_refused(text):
    with pytest.raises(ValueError, match="is not an address"):
        Endpoint.parse(text)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"endpoints": ()}, "no OpenD endpoint"),
        ({"pool_size": 0}, "pool_size"),
        ({"max_in_flight": 0}, "max_in_flight"),
        ({"timeout_s": 0}, "timeout_s"),
        ({"max_queued": -1}, "max_queued"),
        ({"connect_wait_s": -0.1}, "connect_wait_s"),
    ],
)
def test_settings_that_cannot_work_are_refused(change, text):
    with pytest.raises(ValueError, match=text):
        ClientSettings(**{"endpoints": (Endpoint("127.0.0.1", 1),), **change})
