"""Ranks the faults that explain a complaint and the findings, with evidence, or abstains and says what to measure."""
