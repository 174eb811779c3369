"""Real-time predictions on any Kafka-compatible broker."""

__version__ = "0.1.0"
