"""What every part agrees on: errors, messages, codec, topics, settings, model cards.

Leaf modules without IO. Importing them pulls in neither Faust nor MLflow nor a client library.
"""
