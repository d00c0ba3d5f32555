from fix_floor import open_floor
from fix_pair import open_pair

__all__ = ["open_floor", "open_pair"]
