"""Tells customers what happens to their repair: which message, in which language, by which channel, and when."""
