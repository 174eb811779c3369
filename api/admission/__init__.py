"""Whether a request is let in: who sends it, how often, and whether there is room for it and for its record."""
