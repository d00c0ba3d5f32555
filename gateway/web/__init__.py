"""The HTTP side: the only package that knows Flask, and the server that runs it."""
