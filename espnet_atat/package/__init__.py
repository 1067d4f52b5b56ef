"""A trained model as one file that runs anywhere: writing, checking, describing, uploading and opening it.

A package is a zip of ESPnet's own layout (``espnet2.main_funcs.pack_funcs``, espnet_model_zoo, the hub)::

    meta.yaml             ESPnet's: arguments of Speech2Understand and the files that they name
    atat.yaml             what it understands and how well; see :class:`espnet_atat.package.manifest.Manifest`
    README.md             the model card
    RESULTS.md  LICENSE
    exp/config.yaml       the training configuration, as far as it says what the model is; token list included
    exp/model.pth         nothing but weights, loaded with ``weights_only=True``
    exp/lm/…              a language model, where there is one
    data/…                tokens.txt, bpe.model, grown_words.txt, characters.txt, text_tokenizer/, text_encoder.json,
                          feats_stats.npz

All paths in it are from its root. Nothing here imports torch before a package is written.
"""
