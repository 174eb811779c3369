"""Requests of many lines, each a record: read as they come, checked, and published as record batches."""
