"""The soak: a load is held for minutes, and memory and lag are watched. `make soak DURATION=600`."""
