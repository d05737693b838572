"""The condition of a device at hand-in and return: checklists, photos, signatures."""
