"""Engine: which shape fits, and how sure is that?  Contests, replicates, inverted tests."""
