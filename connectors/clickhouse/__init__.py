"""The analytics warehouse: rows in as JSON lines, figures out by SQL."""
