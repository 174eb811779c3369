"""Delivery: the outcome of a batch onto the broker, all of it or nothing acknowledged."""
