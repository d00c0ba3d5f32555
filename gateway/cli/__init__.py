"""`gw`: keys, the kill switch, the audit and the intents of a gateway, from its own machine."""
