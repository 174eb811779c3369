"""Scoring: a batch of records in, predictions and dead letters out. Pure: no IO, no clock, no broker."""
