"""Service clocks: what a ticket's moves mean for them, and what falls due."""
