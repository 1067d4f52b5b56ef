"""A local page to speak or type to a model (``atat demo``): ``page.*``, served by Starlette on uvicorn.

``app`` is the command, ``server`` what answers the browser, ``engine`` what understands, ``drawing`` what is shown.
Torch is imported where a model is loaded: ``--help`` and a wrong option do not need it.
"""

#: The address that only this machine can ask.
LOOPBACK = "127.0.0.1"
