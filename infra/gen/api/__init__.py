"""What is generated from the HTTP API: recorded examples, and the Python client."""
