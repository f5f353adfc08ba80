"""Keep the pools of a run, inspect what they really hold, and choose how slots are taken."""
