"""Additions to ESPnet's trainer: learning-rate schedule, initial checkpoints, repair of checkpoints."""
