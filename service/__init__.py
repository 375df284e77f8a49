"""tieout: watches, retries and ties out what the Tesouro FinOps Hub syncs to the books."""
