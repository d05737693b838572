"""Takes devices in and moves their tickets along one declared life cycle."""
