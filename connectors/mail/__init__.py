"""Mail to customers: an outbox directory, or an SMTP server."""
