"""Fixtures of this folder."""

from fix_store import ledger, own_redis, shared_redis, store

__all__ = ["ledger", "own_redis", "shared_redis", "store"]
