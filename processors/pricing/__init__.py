"""Prices planned repairs and takes the customer's answer."""
