"""Training code: one folder a use case, and what they share."""
