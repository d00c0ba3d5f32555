"""`python -m gateway.cli`: the same as `gw`."""

from gateway.cli.command import gw

if __name__ == "__main__":
    gw(prog_name="gw")
