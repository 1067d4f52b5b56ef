"""The target language: bracketed trees over the whole transcript, the frames read off them, and text normalisation.

It imports only the standard library; every other part of the package may use it.
"""
