"""Programs that one would use or write otherwise; each gets its task as a file, see `served`."""
