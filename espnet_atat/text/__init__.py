"""The decoder's vocabulary and its tokenizers; no torch."""
