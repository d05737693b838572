"""Webhooks that others send us: one verifier a provider, each over the raw bytes."""
