"""A local page to speak or type to a model (``atat demo``; the extra ``demo``).

``app`` is the command, ``engine`` what answers, ``drawing`` and ``attention_plot`` what is shown, ``page`` the page.
Gradio and torch are imported where the page starts: ``--help`` and a wrong option need neither.
"""
