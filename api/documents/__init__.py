"""What explains the edge: OpenAPI, AsyncAPI, and the pages that show them and the kinds of problems."""
