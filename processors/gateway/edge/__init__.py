"""HTTP: the app, its routes, who may call them, and how every error looks."""
