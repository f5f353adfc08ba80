"""Other packages, each measured in an environment and a process of its own."""
