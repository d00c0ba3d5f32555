from fix_cli import site

__all__ = ["site"]
