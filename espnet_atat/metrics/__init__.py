"""Every figure of the paper's tables, with its counts, from references and predictions.

``scoring.score`` combines the parts: per-utterance counts (``semer``, ``bracketing``,
``error_rates``), the definitions of the figures over them (``figures``) and their uncertainty (``significance``).
Neither torch nor ESPnet is imported.
"""
