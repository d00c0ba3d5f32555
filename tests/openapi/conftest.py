from fix_document import document, documented_gateway

__all__ = ["document", "documented_gateway"]
