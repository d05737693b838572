"""How often a process looks for garbage that refers to itself."""

import gc


def collect_seldom(*, sink: bool = False) -> None:
    """Look for cycles less often: a batch makes thousands of objects that all live on, and next to no cycles.

    A ``sink`` has a million of them in hand; to look through them took an eighth of its time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(1_000_000 if sink else 20_000, 50, 100)


def keep_what_is_there() -> None:
    """Never look at what lives now again: to go through the read model of 50,000 tickets takes a second each time."""
    gc.freeze()
