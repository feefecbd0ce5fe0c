"""Command line: one file a group of commands, each command one call of the library."""
