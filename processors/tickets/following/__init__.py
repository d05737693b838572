"""What the service clocks and the passcodes of a ticket take from its events."""
