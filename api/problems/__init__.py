"""Problem details (RFC 9457): the kinds of problems, what is said of them, and which error is which."""
