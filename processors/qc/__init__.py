"""The quality check of repairs: what is looked at, by whom, and whether a repair may go."""
