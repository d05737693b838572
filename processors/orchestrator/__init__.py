"""Runs the order of a repair: a BPMN flow whose steps are commands, replies and human tasks."""
