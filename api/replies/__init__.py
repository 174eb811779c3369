"""The replies of the workers: where they come in, and who waits for which."""
