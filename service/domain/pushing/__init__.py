"""When a document may be pushed again, on which evidence, and what became of it."""
