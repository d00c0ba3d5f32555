"""What messages are: descriptors in a private pool, names, enumerations and the JSON codec."""
