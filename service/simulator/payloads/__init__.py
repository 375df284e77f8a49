"""How the hub's objects look as JSON: one module per family, plain functions from object to mapping.

Every non-required field of the published schema may be null; these functions give nulls as the published
examples do. Times carry microseconds and an offset, dates are bare.
"""
