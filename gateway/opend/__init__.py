"""The OpenD client: sans-I/O protocol, a gevent connection, a pool, and one call to use them."""
