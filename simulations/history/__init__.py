"""Record what happens in a run, event by event: the kinds of events, the recorder, the history."""
