"""Command line: one file a room, each command one call of it."""
