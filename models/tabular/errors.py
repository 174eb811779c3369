"""What can be wrong with a table."""


class TableError(ValueError):
    """No model can be trained on the file; the message says why and what to do."""
