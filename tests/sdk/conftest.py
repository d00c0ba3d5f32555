from fix_sdk import tour, tours

__all__ = ["tour", "tours"]
