"""Statements as files: JSON, CSV, XLSX and PDF, made from a statement and nothing else; fix packets likewise.

No network, no database, no clock, no fonts of the machine: the same statement makes the same bytes.
"""
