"""An OpenD to develop against: the same wire, a deterministic market, accounts and faults."""
