"""How often a worker looks for garbage that refers to itself."""

import gc


def collect_seldom() -> None:
    """Look for cycles less often: a batch makes thousands of objects that all live on, and next to no cycles."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 50, 100)
