"""What happened in a run, event by event: kinds of events, blocks, the kept history, the recorder."""
