"""Asks the official SDK's own cipher functions to decrypt a body; run in a process of its own.

Reads one JSON line {"mode", "key_file", "aes_key", "iv", "bodies": [hex]} and prints the plain bodies
as a JSON list of hex, the last line of its output.
"""

import json
import sys

from futu.common.conn_mng import FutuConnMng
from futu.common.sys_config import RsaCrypt, SysConfig


def decrypt(task, body):
    if task["mode"] == "rsa":
        return RsaCrypt.decrypt(body)
    code, text, plain = FutuConnMng.decrypt_conn_data(1, body)
    if code != 0:
        sys.exit(text)
    return plain


def main():
    task = json.loads(sys.stdin.readline())
    SysConfig.set_init_rsa_file(task["key_file"])
    FutuConnMng.add_conn({"conn_id": 1, "conn_key": task["aes_key"], "conn_iv": task["iv"]})
    print(json.dumps([decrypt(task, bytes.fromhex(body)).hex() for body in task["bodies"]]))


if __name__ == "__main__":
    main()
