"""Sections of the vision benchmark for codes, markings and board condition: cases drawn from a seed, truth known."""
