from fix_twin import gateway, live_gateway, twin

__all__ = ["gateway", "live_gateway", "twin"]
