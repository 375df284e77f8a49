"""Postgres: the only place where replicas meet, and the only one that remembers."""
