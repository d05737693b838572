"""Benchmarks: programs that others can run. Each compares with a bound measured in the same run."""
