"""The FastAPI edge: puts requests that come over HTTP on the input topic. It needs no machine-learning library."""
