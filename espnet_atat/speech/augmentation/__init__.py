"""Augmentation of audio: changes that leave the words as they are, offline (stage 2) or in training."""
