"""The page. The only module that imports Gradio; :func:`espnet_atat.demo.app.main` sets it up before."""

import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import gradio as gr

from espnet_atat.demo.drawing import answer_html, attention_picture, message_html
from espnet_atat.demo.engine import MAX_CHARACTERS, Answer, LoadedModels
from espnet_atat.errors import UserError

logger = logging.getLogger(__name__)

#: Label of each task of speech, and what it is called here.
SPEECH_TASKS = [
    ("understand", "slu"),
    ("understand a domain learnt from text", "nlu"),
    ("write down the words", "asr"),
    ("write down, guessing masked words", "mlm"),
]
#: Tab to where its sound comes from.
SOURCES: dict[str, Literal["microphone", "upload"]] = {"Speak": "microphone", "Recording": "upload"}
#: Files that Gradio keeps are deleted: how often is looked, from what age on, in seconds.
CLEANING = (60, 300)
WELCOME = message_html("Speak, drop a recording or type a sentence: the result appears here.").replace(
    'class="message" role="alert"', 'class="message welcome"'
)
CSS = """
footer { display: none !important; }
.message { padding: 1rem; border-radius: 8px; background: #fdecea; color: #7a1a12; }
.message.welcome { background: #eef3f9; color: #1d3557; }
.answer section { margin-bottom: 1rem; }
.answer h3 { margin: 0 0 .3rem 0; }
.answer .tree { overflow-x: auto; background: white; border-radius: 8px; padding: 4px; }
.answer .tree svg { max-width: none; }
.answer img { max-width: 100%; border-radius: 8px; }
.answer .words { font-size: 1.15rem; }
.answer .note { font-size: .85rem; opacity: .75; }
.answer table { border-collapse: collapse; }
.answer th, .answer td { border: 1px solid #c5ccd3; padding: .25rem .6rem; text-align: left; vertical-align: top; }
.answer td.number { text-align: right; font-variant-numeric: tabular-nums; }
"""


def theme() -> gr.themes.Base:
    """Gradio's default with the machine's own fonts: the theme's would come from the network."""
    return gr.themes.Default(font=["system-ui", "sans-serif"], font_mono=["ui-monospace", "monospace"])


def make_page(engine: LoadedModels) -> gr.Blocks:
    def hear(model: str, task: str, path: str | None) -> str:
        if path is None:
            return message_html("Record something or drop a file first.")
        return _answer(lambda: engine.hear(model, task, path), path)

    def read(model: str, text: str | None) -> str:
        return _answer(lambda: engine.read(model, text or ""))

    names = list(engine.models)
    with gr.Blocks(title="AT-AT", analytics_enabled=False, delete_cache=CLEANING) as page:
        gr.Markdown("# AT-AT\nOne model that understands speech and text. Nothing leaves this machine.")
        with gr.Row():
            with gr.Column(scale=2, min_width=320):
                model = gr.Dropdown(names, value=names[0], label="Model", elem_id="model")
                sounds = []
                for title, source in SOURCES.items():
                    with gr.Tab(title):
                        sound = gr.Audio(
                            sources=[source],
                            type="filepath",
                            label=f"A command; recordings longer than {engine.max_seconds:g} s are cut at their pauses",
                            editable=False,
                            buttons=[],
                            elem_id=source,
                        )
                        task = gr.Radio(SPEECH_TASKS, value="slu", label="Task", elem_id=f"{source}-task")
                        ask = gr.Button("Understand", variant="primary", elem_id=f"{source}-ask")
                        sounds.append((sound, task, ask))
                with gr.Tab("Type"):
                    text = gr.Textbox(
                        label="Sentence",
                        placeholder="play paper moon by oscar nelson",
                        max_lines=3,
                        max_length=MAX_CHARACTERS,
                        elem_id="text",
                    )
                    ask_text = gr.Button("Understand", variant="primary", elem_id="text-ask")
            with gr.Column(scale=5, min_width=400):
                result = gr.HTML(WELCOME, elem_id="result")
        for sound, task, ask in sounds:
            for event in (ask.click, sound.upload, sound.stop_recording):
                event(fn=hear, inputs=[model, task, sound], outputs=result, api_visibility="private")
            sound.clear(fn=lambda: WELCOME, outputs=result, api_visibility="private")
        for event in (ask_text.click, text.submit):
            event(fn=read, inputs=[model, text], outputs=result, api_visibility="private")
    return page


def _answer(ask: Callable[[], Answer], path: str | None = None) -> str:
    """The answer, or the error, as HTML: no input breaks the page."""
    start = time.monotonic()
    try:
        answer = ask()
        picture = None
        if answer.attention is not None:
            picture = attention_picture(answer.attention, answer.features, answer.pieces)
        return answer_html(answer.results, picture, time.monotonic() - start)
    except UserError as error:
        shown = str(error) if path is None else str(error).replace(path, Path(path).name)
        return message_html(shown)
    except Exception:  # a page that shows nothing helps nobody; the terminal has the whole of it
        logger.exception("the page could not answer")
        return message_html("Internal error: see the terminal that the page was started from.")
