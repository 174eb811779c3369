"""Metrics of edge, worker and sinks, as Prometheus reads them. What each says stands in docs/metrics.md.

A part has a module with its metrics, on a registry of their own; `families` makes them, `exposition` makes pages.
Labels have few values: no ids, and of the names of models those that are served or configured.
"""
