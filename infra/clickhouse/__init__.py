"""The analytics store: the embedded server, its users and the migrations of its schema."""
