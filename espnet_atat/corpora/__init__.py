"""Corpora: each module turns one raw corpus into Kaldi-style data dirs."""
