"""Imports kio without hypothesis. Where that is installed kio imports it, to offer strategies to tests: three quarters
of what a broker's start took."""

import sys

_HYPOTHESIS = "hypothesis"
_ABSENT = _HYPOTHESIS not in sys.modules

if _ABSENT:
    sys.modules[_HYPOTHESIS] = None  # type: ignore[assignment]  # this is how an import is made to fail
try:
    import kio.static.primitive  # noqa: F401 - the module that asks for it
finally:
    if _ABSENT:
        del sys.modules[_HYPOTHESIS]
