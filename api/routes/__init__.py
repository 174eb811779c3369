"""What the edge answers under its own paths, and what stands before an endpoint: the gate, and `Idempotency-Key`."""
