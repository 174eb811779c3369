"""What the edge knows of the other parts: the models, the workers, and the predictions that are there."""
