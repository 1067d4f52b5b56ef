"""How things are made: one pool of processes for data, and folders that are whole or absent."""
