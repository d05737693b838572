"""Who may do what: users with their sessions, API keys, workspaces. The one writer of them on the log."""
