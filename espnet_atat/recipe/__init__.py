"""Stages 7 to 14: what a system needs is planned from its files alone, and what is missing is made.

``config`` reads a system's row, ``plan`` turns it into training runs named by a hash of all that decides them
(``runs``, ``fingerprint``), ``stages`` goes through them; ``tokens``, ``training``, ``decoding``, ``scoring`` and
``table`` do the work. Torch and ESPnet, which take 15 s to import, are imported inside the functions that train or
decode: a call that finds everything done never pays for them.

All paths are from the repository's root, the working directory.
"""
