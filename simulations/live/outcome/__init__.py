"""What a live run came to: attempts, promises, measurements, comparison, pictures."""
