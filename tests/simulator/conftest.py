from fix_broker import desk

__all__ = ["desk"]
