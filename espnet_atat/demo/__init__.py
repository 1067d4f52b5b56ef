"""A local page to speak or type to a model (``atat demo``), without any library of the web: see ``page.*``.

``app`` is the command, ``server`` what answers the browser, ``engine`` what understands, ``drawing`` what is shown.
Torch is imported where a model is loaded: ``--help`` and a wrong option do not need it.
"""

#: The address that only this machine can ask.
LOOPBACK = "127.0.0.1"
