"""Other packages, each measured in its own environment and process."""
