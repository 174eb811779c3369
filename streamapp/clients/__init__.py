"""How every part of ours reaches the broker and Redis: one place for connection settings."""
