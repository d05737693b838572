"""Load kio without hypothesis.

kio registers its types with hypothesis wherever that is installed, which takes half of the broker's start. Nothing
asks for them; where hypothesis is loaded already, as in tests, nothing is changed.
"""

import importlib
import sys

if "hypothesis" not in sys.modules:
    sys.modules["hypothesis"] = None  # type: ignore[assignment]  # Python's own way to say: not to be found.
    try:
        importlib.import_module("kio.static.primitive")
    finally:
        del sys.modules["hypothesis"]
