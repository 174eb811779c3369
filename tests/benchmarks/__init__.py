"""`make bench`: how fast everything is, side by side with what one would use otherwise."""
