"""Workers: each claims what is due, fetches, lets the domain decide, writes at once, and counts."""
