"""`Idempotency-Key`: its value, and what is kept of it in Redis. `routes.repeats` puts it before an endpoint."""
