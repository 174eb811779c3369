"""`streamapp doctor`: looks at a system and says what is wrong with it, and how to mend it.

A subject is a module with an asynchronous generator that looks, and small functions that judge what it saw; `checks`
lists them, `run` runs them side by side. Nothing is changed, and nothing of a model is loaded.
"""
