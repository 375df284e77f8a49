"""The month-end tie-out of an organization: what it states, and how it is signed."""
