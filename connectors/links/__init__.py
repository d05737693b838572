"""Links that customers get: who made them, what they allow, and until when."""
