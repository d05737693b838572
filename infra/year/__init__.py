"""A made-up year of a shop, for trying the figures out and for benchmarks: plausible, repeatable, of real messages."""
