"""Speech on the data side: features, alignment, masking, synthesis, augmentation; free of torch."""
