from fix_floor import open_floor

__all__ = ["open_floor"]
