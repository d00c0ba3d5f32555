from pathlib import Path

import pytest
from fake_opend import FakeOpenD

from gateway.opend.client import Client, ClientSettings

GOLDEN = Path(__file__).parent.parent / "golden"


@pytest.fixture(scope="session")
def rsa_key_path():
    return GOLDEN / "rsa_1024.pem"


@pytest.fixture(scope="session")
def rsa_pem(rsa_key_path):
    return rsa_key_path.read_bytes()


@pytest.fixture
def fake_opend():
    """Makes fakes and closes them at the end."""
    fakes = []

    def make(*args, **options):
        fakes.append(FakeOpenD(*args, **options))
        return fakes[-1]

    yield make
    for fake in fakes:
        fake.close()


@pytest.fixture
def open_client():
    """Makes open clients of fakes, ready unless told otherwise, and closes them at the end."""
    clients = []

    def make(*fakes, ready=True, on_push=None, on_session=None, **settings):
        settings.setdefault("timeout_s", 5.0)
        endpoints = tuple(getattr(fake, "endpoint", fake) for fake in fakes)
        client = Client(ClientSettings(endpoints, **settings), on_push=on_push, on_session=on_session)
        clients.append(client)
        client.open()
        if ready:
            assert client.wait_ready(5.0)
        return client

    yield make
    for client in clients:
        client.close()
