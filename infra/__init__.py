"""The composition root and operations: imports everything, imported by nothing."""
