"""The two-stage pipeline that AT-AT is compared with: a recogniser's words, then a tagger and an intent classifier.

The folder of a trained tagger holds ``model.json`` (see ``pipeline``) and the files that it names, none of them a
pickle. Flat trees alone can be tagged (see ``bio``).
"""
