"""Time and fresh ids: the only place that asks the machine for either."""
