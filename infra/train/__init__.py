"""Training of the shipped models from public records. Not needed to run the shop."""
