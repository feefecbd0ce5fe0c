"""Tools: one file for each kind of file that other tools write."""
