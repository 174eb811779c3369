"""What is told of each request: counts for Prometheus, spans for OpenTelemetry."""
