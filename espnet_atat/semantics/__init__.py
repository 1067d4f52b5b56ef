"""The target language: bracketed trees over the whole transcript, the frames read off them, and text normalisation.

Nothing here imports anything but the standard library; every other part of the package may use it.
"""
