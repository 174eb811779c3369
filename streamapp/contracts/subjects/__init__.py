"""The settings by subject; `contracts.settings` puts them together."""
