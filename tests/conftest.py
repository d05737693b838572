"""How hard Hypothesis looks: a little on every run, a lot when asked (``HYPOTHESIS_PROFILE=thorough make test``)."""

import os

from hypothesis import settings

settings.register_profile("quick", max_examples=40, deadline=None)
settings.register_profile("thorough", max_examples=1000, deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))
