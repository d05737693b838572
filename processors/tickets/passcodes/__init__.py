"""The passcode of a device: opened for a task, for a time, with a ledger, and destroyed in the end."""
