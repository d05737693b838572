"""Keeps stock as a ledger of events and sets parts aside for tickets."""
