"""The ``noizylab`` command. One module a verb; each parses, delegates and prints."""

from infra.cli.main import main

__all__ = ["main"]
