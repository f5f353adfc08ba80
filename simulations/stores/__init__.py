"""Where the pools of a run are kept, what is really in them, and by which protocol slots are taken."""
