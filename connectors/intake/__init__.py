"""Handing in a device: the form, and the one way from a filled form to the log, for every producer of intakes."""
