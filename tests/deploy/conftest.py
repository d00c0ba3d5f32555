from fix_upstream import start_upstream

__all__ = ["start_upstream"]
