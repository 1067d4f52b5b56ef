"""A local page to speak or type to a model (``atat demo``; the extra ``demo``).

``app`` is the command, ``engine`` what answers, ``drawing`` what is shown, ``gradio_page`` the page.
Gradio and torch are imported where the page starts: ``--help`` and a wrong option need neither.
"""
