"""How often a process looks for garbage that refers to itself."""

import gc


def collect_seldom() -> None:
    """Look for cycles less often: a batch makes thousands of objects that all live on, and next to no cycles."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 50, 100)


def keep_what_is_there() -> None:
    """Never look at what lives now again: to go through the read model of 50,000 tickets takes a second each time."""
    gc.freeze()
