"""Text-to-speech engines; each file wraps one engine."""
