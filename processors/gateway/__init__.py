"""The edge for staff, kiosks and integrators: writes become commands, reads come from views folded out of the log."""
