"""Forecasts of a shop's series: what is to be expected, between which bounds, and how well that has worked so far."""
