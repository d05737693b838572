"""Analytics: the log of facts as rows of a warehouse, and the figures over them."""
