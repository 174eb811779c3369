"""HTTP below the endpoints: what a connection may cost, and how a request gets to its endpoint."""
