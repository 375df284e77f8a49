"""The JSON API: one file a resource, the shape of its answers beside the handlers that give them."""
