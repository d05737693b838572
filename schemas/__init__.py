"""What is said: frozen events, commands, views and value types. Depends on nothing else in the house."""
