"""Scoring: a batch of records in, predictions and dead letters out. No IO, no broker; models run in threads."""
