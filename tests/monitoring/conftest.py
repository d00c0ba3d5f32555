from fix_prometheus import monitored

__all__ = ["monitored"]
