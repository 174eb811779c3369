"""What is kept outside the broker: the Redis mirror and the CSV audit, each fed from its topic.

Each sink keeps the offset it has reached with its data, so that it resumes there: no gap and no repeat. See
docs/decisions/0004-sinks-keep-their-own-offsets.md.
"""
