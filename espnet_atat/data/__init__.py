"""Data dirs to mixed batches of audio and text examples. Shape symbols as in :mod:`espnet_atat.model`."""
