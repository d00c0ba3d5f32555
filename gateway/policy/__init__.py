"""Who may do what: keys, their scopes, accounts and limits, and the one decision on an order."""
