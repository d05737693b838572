"""The auditor: reads the log, decides nothing, and seals what it read with signed checkpoints."""
