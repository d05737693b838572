"""What the design file of a board says: its parts, its nets, the way between them."""
