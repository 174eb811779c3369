"""Random input for everything that reads what strangers send: short in `make test`, long in `make fuzz`."""
