"""Everything that talks with the outside, one folder a port. Errors are in ``connectors.errors``."""
