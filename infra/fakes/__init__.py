"""Vendors' services as programs of our own, which speak their wire format: for tests, benchmarks and the demo."""
