"""What parts cost the shop, and how long they take to come."""
