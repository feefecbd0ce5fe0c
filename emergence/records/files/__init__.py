"""Files: records in our own schema, whatever format they are in."""
