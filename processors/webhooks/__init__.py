"""Tells other systems what happened: subscriptions, and deliveries that are tried until they arrive."""
