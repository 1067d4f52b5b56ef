"""The stages: what each makes, as nodes; ``driver`` goes through them."""
