"""Reads what is printed on small parts, and says what it means and whether it is what belongs there."""
