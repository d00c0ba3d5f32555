from fix_trading import any_floor, floor

__all__ = ["any_floor", "floor"]
