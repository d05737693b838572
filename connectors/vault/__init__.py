"""The vault: who customers are and how to reach them, sealed and kept apart from the log."""
