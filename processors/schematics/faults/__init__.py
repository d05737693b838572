"""Faults on a board: patterns by symptom, and a diagnosis from readings that says what it cannot tell apart."""
