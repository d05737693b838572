"""Other stream libraries on the same chain. They need other versions than ours, so they live in an environment of
their own, and each program here is a single file that imports nothing of this repository."""
