"""The AT-AT network: an audio encoder, a text encoder, one shared decoder.

Symbols in shape comments:

====  ==========================================================
B     examples in a batch (Ba from audio, Bt from text)
T     frames of the input features (10 ms each)
F     mel channels (80)
S     states of an encoder's output; frames after subsampling, or text pieces
D     model dimension, the same for both encoders and the decoder
L     tokens of a target (task token or ``<eos>`` included)
V     decoder vocabulary
C     CTC symbols
====  ==========================================================
"""
