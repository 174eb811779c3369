"""Synthetic traffic: a pure, seeded generator, and clients that send it over HTTP or straight to the topic."""
