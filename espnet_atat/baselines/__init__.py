"""The two-stage pipeline that AT-AT is compared with: a recogniser's words, then a tagger and an intent classifier.

The folder of a trained tagger holds ``model.json`` (see ``pipeline``) and the files that it names, none of them a
pickle. Only flat trees can be tagged (see ``bio``).
"""
