"""The two commands of ``tests/toy_package.py``: what is said and meant."""

TREES = ("[IN:PLAY play [SL:SONG moon ] ]", "[IN:STOP stop it ]")
WORDS = ("play moon", "stop it")
