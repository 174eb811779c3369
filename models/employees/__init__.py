"""Burn-out risk of employees: Low, Medium or High, by three models."""
