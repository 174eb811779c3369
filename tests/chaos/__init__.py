"""The chaos suite: real faults on real processes, and oracles that say whether anything was lost or is there twice.

`make chaos` runs it; docs/reliability.md says what it shows.
"""
