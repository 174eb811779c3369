"""Runtimes: one adapter a model flavour, and the registry that the models come from."""
