"""The target language: bracketed trees over the whole transcript, the frames read off them, and text normalisation."""
