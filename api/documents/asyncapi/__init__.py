"""The topics as an AsyncAPI 3 document, made from the contracts, and the same as a page.

https://www.asyncapi.com/docs/reference/specification/v3.0.0
"""
