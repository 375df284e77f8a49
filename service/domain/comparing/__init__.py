"""Both sides of a ledger: which documents are the same, what differs, and what each currency adds up to."""
