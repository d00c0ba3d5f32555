"""A gateway worker's life around a fork, in a process of its own: `forking_worker.py PORT [patched]`.

Opens a client, forks, and lets both processes use what they have. Exits with 0 when the child was
refused the parent's client, got one of its own, and the parent's went on unharmed.
"""

import os
import sys

if "patched" in sys.argv:
    from gevent import monkey

    monkey.patch_all()

import gevent
from gevent.os import fork, waitpid

from gateway.opend.client import CallKind, Client, ClientSettings, Endpoint
from gateway.opend.errors import WrongProcess
from gateway.schema.protocols import PROTOCOLS

SUB_INFO = PROTOCOLS[3003]


def ask(client):
    return client.call(SUB_INFO, SUB_INFO.request(c2s={}), kind=CallKind.READ).s2c.totalUsedQuota


def child(client, asked_by_parent):
    try:
        ask(client)
    except WrongProcess:
        gevent.sleep(0.2)  # the copies of the parent's greenlets have their chance to do harm
        client.close()
        client.open()
        assert client.wait_ready(5.0)
        mine = {ask(client) for _ in range(50)}
        client.close()
        assert not mine & asked_by_parent, (mine, asked_by_parent)
        os._exit(0)
    os._exit(3)


def main():
    client = Client(ClientSettings((Endpoint("127.0.0.1", int(sys.argv[1])),), timeout_s=5.0))
    client.open()
    assert client.wait_ready(5.0)
    while not all(connection.conn_id for connection in client.status().connections):
        gevent.sleep(0.01)
    before = {ask(client) for _ in range(50)}
    pid = fork()
    if pid == 0:
        try:
            child(client, before)
        finally:
            os._exit(4)
    after = set()
    while True:
        after |= {ask(client) for _ in range(50)}
        done, status = waitpid(pid, os.WNOHANG)
        if done:
            break
    assert after <= {connection.conn_id % 1000 for connection in client.status().connections}
    assert client.status().counters.drops == 0
    client.close()
    sys.exit(os.waitstatus_to_exitcode(status))


main()
