"""Board photos: whether they can be judged, and how a board differs from its golden picture."""
