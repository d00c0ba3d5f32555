from fix_feed import clock, keys, ledger, opend, other, quota, worker, worker_with

__all__ = ["clock", "keys", "ledger", "opend", "other", "quota", "worker", "worker_with"]
