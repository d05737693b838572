"""A language model that suggests faults. Optional: without one the shop's own engine answers alone."""
