"""When what is read next: what a call is worth, and by when each reading comes at the latest."""
