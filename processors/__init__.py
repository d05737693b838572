"""One folder a service. Siblings never import each other: they meet on the log."""
