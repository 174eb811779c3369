"""What a request brings: its query, body, trace and preferences; and the id that it gets."""
