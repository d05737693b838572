"""Spans of handled records, for whoever collects traces."""
