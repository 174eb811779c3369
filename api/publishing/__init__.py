"""The way to the input topics, for single records and for record batches."""
