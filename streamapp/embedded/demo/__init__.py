"""The demo: every part as a process of its own, what flows shown live, and a check that the counts add up.

`plan` says what runs, `stack` runs it, `tail` reads the topics into `counts`, `view` renders a `snapshot`, `check`
compares the counts at the end, and `run` puts these together.
"""
