from fix_audit import audit, clock, path

__all__ = ["audit", "clock", "path"]
