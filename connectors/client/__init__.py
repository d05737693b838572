"""The gateway's API as Python: generated calls and models over a small hand-written core."""
