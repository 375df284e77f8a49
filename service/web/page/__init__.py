"""The page: what the service knows, for people, rendered on the server; it works without JavaScript."""
