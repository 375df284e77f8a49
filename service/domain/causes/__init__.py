"""Why a push failed: from an error of any shape to one of thirty causes, by rules that are data."""
