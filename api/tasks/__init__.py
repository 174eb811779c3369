"""Work on the event loop: kept running, ended with the edge, and shared with all else that it does."""
