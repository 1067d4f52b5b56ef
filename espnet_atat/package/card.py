"""A package's documentation for people: the model card and the table of results."""

from collections.abc import Mapping
from typing import Any

import yaml

from espnet_atat.metrics.printing import ends, markdown_table, percent
from espnet_atat.package.manifest import Manifest

#: Figures of the card, in this order, where a test set has them; RESULTS.md has all.
CARD_FIGURES = ("em_full", "em_hypothesis", "semer", "intent_accuracy", "slot_f1", "wer")
FIGURES_ARE = "In per cent; in brackets the 95 % interval, percentile bootstrap over utterances, as in `metrics.json`."
TAGS = ("espnet", "audio", "spoken-language-understanding", "natural-language-understanding", "atat")

CITATIONS = """\
```bibtex
@inproceedings{rongali2021atat,
  title     = {Exploring Transfer Learning For End-to-End Spoken Language Understanding},
  author    = {Rongali, Subendhu and Liu, Beiye and Cai, Liwei and Arkoudas, Konstantine and Su, Chengwei
               and Hamza, Wael},
  booktitle = {Proceedings of the AAAI Conference on Artificial Intelligence},
  year      = {2021}
}
@inproceedings{watanabe2018espnet,
  title     = {{ESPnet}: End-to-End Speech Processing Toolkit},
  author    = {Watanabe, Shinji and Hori, Takaaki and Karita, Shigeki and Hayashi, Tomoki and Nishitoba, Jiro
               and Unno, Yuya and {Enrique Yalta Soplin}, Nelson and Heymann, Jahn and Wiesner, Matthew
               and Chen, Nanxin and Renduchintala, Adithya and Ochiai, Tsubasa},
  booktitle = {Proceedings of Interspeech},
  year      = {2018}
}
```
"""

TASK_OUTPUTS = {
    "asr": "words of what is heard",
    "slu": "tree of what is heard",
    "mlm": "words of audio with some of them masked",
    "nlu": "tree of a text",
}


def model_card(manifest: Manifest) -> str:
    """``README.md`` of a package: the hub's front matter, then what a user has to know."""
    front = yaml.safe_dump(_front_matter(manifest), sort_keys=False, allow_unicode=True)
    return f"---\n{front}---\n\n" + "\n\n".join(part.strip() for part in _sections(manifest) if part.strip()) + "\n"


def results(manifest: Manifest) -> str:
    """``RESULTS.md``: every figure of every test set and inference configuration."""
    lines = [f"# Results of {manifest.name}", "", FIGURES_ARE]
    for result in manifest.results:
        lines += ["", f"## {result['set']}, label `<{result['task']}>`, {result['config']}", ""]
        figures = [
            [figure["title"], percent(figure["value"]), ends(figure["interval"])]
            for figure in result["figures"].values()
        ]
        lines.append(markdown_table([["figure", "per cent", "95 % interval"], *figures]))
        lines += ["", f"{result['utterances']} utterances."]
    if not manifest.results:
        lines += ["", "It was packed without scores."]
    return "\n".join(lines) + "\n"


def _front_matter(manifest: Manifest) -> dict[str, Any]:
    """What the hub reads. A user's own corpus has no page there; its name is listed all the same."""
    front: dict[str, Any] = {
        "tags": [*TAGS, *(f"task-{task}" for task in _tasks(manifest))],
        "language": manifest.language,
        "license": manifest.license,
        "library_name": "espnet",
    }
    if manifest.corpora:
        front["datasets"] = manifest.corpora
    index = [
        {
            "task": {"type": "spoken-language-understanding", "name": f"<{result['task']}>"},
            "dataset": {"name": result["set"], "type": result["set"].partition("/")[0]},
            "metrics": [
                {"type": key, "name": figure["title"], "value": round(100 * figure["value"], 2)}
                for key in CARD_FIGURES
                if (figure := result["figures"].get(key))
            ],
        }
        for result in _leading(manifest)
    ]
    if index:
        front["model-index"] = [{"name": manifest.name, "results": index}]
    return front


def _sections(manifest: Manifest) -> list[str]:
    return [
        f"# {manifest.name}\n\n{manifest.title}",
        "An Audio-Text All-Task model ([Rongali et al., AAAI 2021](https://arxiv.org/abs/2012.08549)) for "
        "[ESPnet](https://github.com/espnet/espnet): an audio encoder, a text encoder and one decoder, whose first "
        "token names the task. It turns spoken or written commands into the bracketed trees of TOP, from which "
        f"intent and slots are read. {manifest.parameters / 1e6:.1f} million parameters.{_encoder(manifest)}",
        _use(manifest),
        _labels(manifest),
        _results_section(manifest),
        _training(manifest),
        _limits(manifest),
        f"## Citation\n\n{CITATIONS}",
        f"Licence: {manifest.license}; see LICENSE.",
    ]


def _encoder(manifest: Manifest) -> str:
    """The pretrained encoder, whose weights are in the package or must be installed."""
    if not manifest.encoder:
        return ""
    kind, name = manifest.encoder["kind"], manifest.encoder.get("name")
    text = f" It listens through a pretrained speech encoder ({kind}, {manifest.encoder['identity']})"
    if name is None:
        return f"{text}, whose weights are in the package under their own licence (Whisper's: MIT)."
    return f"{text}, which the package does not include: `{name}` must be installed or in the hub's cache."


def _use(manifest: Manifest) -> str:
    return f"""
## Use

It needs Python 3.12 and the package `espnet_atat` of AT-AT for ESPnet, but no recipe and no training data.

```python
from espnet_atat.decode.understand import Speech2Understand, Text2Understand

understand = Speech2Understand.from_pretrained("{manifest.name}.zip")
result = understand("command.wav")
result.tree, result.frame, result.text, result.words

Text2Understand.from_pretrained("{manifest.name}.zip")("the words of a command").tree
```

```sh
atat understand --model {manifest.name}.zip command.wav
atat understand --model {manifest.name}.zip --text "the words of a command"
```

The folder that the zip was unpacked to and the name of its hub repository work too.
"""


def _labels(manifest: Manifest) -> str:
    rows = [(f"`<{task}>`", TASK_OUTPUTS[task]) for task in _tasks(manifest) if task in TASK_OUTPUTS]
    defaults = ", ".join(f"`<{task}>` for {kind}" for kind, task in manifest.labels.items())
    trained = f" It was trained with:\n\n{markdown_table([('label', 'gives the'), *rows])}" if rows else ""
    return f"## Labels\n\nBy default it decodes with {defaults}.{trained}"


def _results_section(manifest: Manifest) -> str:
    leading = _leading(manifest)
    if not leading:
        return "## Results\n\nIt was packed without scores."
    columns = [key for key in CARD_FIGURES if any(key in result["figures"] for result in leading)]
    titles = {key: figure["title"] for result in leading for key, figure in result["figures"].items()}
    table = [["set", "label", "utterances", *(titles[key] for key in columns)]]
    for result in leading:
        figures = [result["figures"].get(key) for key in columns]
        cells = [f"{percent(each['value'])} {ends(each['interval'])}" if each else "" for each in figures]
        table.append([result["set"], f"`<{result['task']}>`", str(result["utterances"]), *cells])
    return f"## Results\n\n{markdown_table(table)}\n\n{FIGURES_ARE} RESULTS.md has all figures and configurations."


def _training(manifest: Manifest) -> str:
    lines = ["## Training", ""]
    if manifest.trained_on:
        rows = [(part.get("phase", ""), f"`<{part.get('task', '')}>`", part["set"]) for part in manifest.trained_on]
        lines += [markdown_table([("phase", "label", "set"), *dict.fromkeys(rows)]), ""]
    if manifest.command:
        lines += ["Trained, decoded and scored by", "", f"```sh\n{manifest.command}\n```", ""]
    lines.append("Made with " + ", ".join(f"{name} {version}" for name, version in manifest.versions.items()) + ".")
    return "\n".join(lines)


def _limits(manifest: Manifest) -> str:
    return f"""
## Intended use and limits

For research on spoken language understanding, and as a starting point for fine-tuning on your own domain. It knows the
intents, slots and words of the corpora named above and answers every input with one of them: it has no "none of
these". Language: `{manifest.language}`; one speaker and one command at a time. Figures on other voices, microphones,
rooms or wordings than the test sets' are not known. Not for decisions about people.
"""


def _tasks(manifest: Manifest) -> list[str]:
    """Labels that it was trained with, else those it decodes with, each once."""
    trained = [part["task"] for part in manifest.trained_on if "task" in part]
    return list(dict.fromkeys(trained or manifest.tasks.values()))


def _leading(manifest: Manifest) -> list[Mapping[str, Any]]:
    """Of each set, the result of the first inference configuration."""
    first: dict[str, Mapping[str, Any]] = {}
    for result in manifest.results:
        first.setdefault(result["set"], result)
    return list(first.values())
