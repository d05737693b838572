"""Calls between our own services: signed, so that a network in between is not trusted."""
