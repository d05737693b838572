"""Where it is said: every topic, declared once, with owner, key, retention and what it carries."""
