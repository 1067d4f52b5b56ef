"""What ESPnet's trainer is given: learning-rate schedule, initial checkpoints, whole checkpoints."""
