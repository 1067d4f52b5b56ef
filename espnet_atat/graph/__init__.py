"""How anything is made: nodes, their stamps and work folders, content fingerprints, and work in other processes."""
