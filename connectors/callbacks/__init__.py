"""Posting to addresses that others chose: signed, bounded, and never into our own network."""
