"""Several runs of one command: their jobs, shared histories, index, table."""
