"""Text messages to customers: an outbox directory, or Twilio."""
