"""Dead letters: found by their reason, looked at, counted, and put back on their input topics once each.

What was redriven is known by a marker on a topic of its own; the dead letters themselves stay where they are until
retention takes them. See docs/decisions/0009-redriving-once.md.
"""
