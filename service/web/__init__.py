"""HTTP in: the webhook receiver, the JSON API, probes and the page."""
