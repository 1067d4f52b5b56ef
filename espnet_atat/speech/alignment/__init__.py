"""Forced alignment: which stretch of the audio each word of a transcript takes."""
