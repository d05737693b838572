"""A shop with goods on the shelf: made-up boards, photos and tickets to try everything with."""
