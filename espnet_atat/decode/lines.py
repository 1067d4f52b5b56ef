"""Recordings and texts one by one, results as lines: what ``atat understand`` and ``atat transcribe`` print."""

import gc
import json
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from espnet_atat.bounded import lines_of, read_handle
from espnet_atat.datadir import CONTROL
from espnet_atat.decode.result import Understanding
from espnet_atat.decode.understand import Speech2Understand, Text2Understand
from espnet_atat.errors import UserError
from espnet_atat.speech.audio import read_mono

STDIN = "-"


def understand_all(
    model: str,
    files: Sequence[str],
    texts: Sequence[str],
    options: Mapping[str, Any],
    *,
    as_json: bool = False,
    quiet: bool = False,
) -> int:
    """Print each input's line as soon as it is understood, and progress on stderr where there are several.

    ``model`` and ``options`` are those of ``from_pretrained``. Inputs are either ``files`` of audio (``-``: stdin), or
    ``texts`` (``-``: one per line of stdin). Returns how many could not be understood; each was named on stderr.
    """
    kind: type[Speech2Understand] | type[Text2Understand] = Text2Understand if texts else Speech2Understand
    understand = kind.from_pretrained(model, **options)
    gc.freeze()  # see bin.atat.console
    gc.enable()
    several = len(files) + len(texts) > 1 or STDIN in texts
    total = "" if STDIN in texts else f"/{len(files) + len(texts)}"
    ranked = understand.config.nbest > 1
    failed = 0
    for number, (name, content) in enumerate(_inputs(files, texts), 1):
        start = time.monotonic()
        try:
            nbest = _understand(understand, content)
        except UserError as error:
            failed += 1
            print(f"error: {error if name in str(error) else f'{name}: {error}'}", file=sys.stderr)
            if as_json:
                print(json.dumps({"input": name, "error": str(error)}, ensure_ascii=False), flush=True)
            continue
        if isinstance(understand, Text2Understand) and (note := understand.cut_note(str(content))) is not None:
            print(f"note: {name[:40]}…: {note}", file=sys.stderr)
        print(_line(name, nbest, as_json=as_json, named=several, ranked=ranked), flush=True)
        if several and not quiet:
            print(f"{number}{total} {name}: {time.monotonic() - start:.2f} s", file=sys.stderr)
    return failed


def _line(name: str, nbest: Sequence[Understanding], *, as_json: bool, named: bool, ranked: bool) -> str:
    """What is printed of an input: a line, or with ``ranked`` (and no JSON) one of each hypothesis."""
    if as_json:
        best = {"input": name, **nbest[0].as_dict()}
        if ranked:
            best["nbest"] = [result.as_dict() for result in nbest]
        return json.dumps(best, ensure_ascii=False)
    columns = [name] if named else []
    if not ranked:
        return "\t".join([*columns, nbest[0].line])
    rows = ([*columns, str(rank), f"{result.score:.3f}", result.line] for rank, result in enumerate(nbest, 1))
    return "\n".join("\t".join(row) for row in rows)


def _inputs(files: Sequence[str], texts: Sequence[str]) -> Iterator[tuple[str, str | bytes]]:
    """Name and content of each input: a path, a text, or the bytes of a recording."""
    for name in files:
        yield (name, read_handle(sys.stdin.buffer, "standard input")) if name == STDIN else (name, name)
    for text in texts:
        if text == STDIN:
            lines = (line.decode(errors="surrogateescape") for line in lines_of(sys.stdin.buffer, "standard input"))
            yield from ((_printable(line.strip()), line) for line in lines if line.strip())
        else:
            yield _printable(text), text


def _printable(text: str) -> str:
    """Control characters, and bytes that are no UTF-8, which Python has as lone surrogates, as ``\\xff``."""
    decoded = text.encode(errors="surrogateescape").decode(errors="backslashreplace")
    return CONTROL.sub(lambda found: repr(found[0])[1:-1], decoded)


def _understand(understand: Speech2Understand | Text2Understand, content: str | bytes) -> list[Understanding]:
    if isinstance(content, str):
        return understand.nbest([content])[0]
    assert isinstance(understand, Speech2Understand)
    samples, rate = read_mono(f"standard input ({len(content)} bytes)", mixdown=True, content=content)
    return understand.nbest([samples], rate)[0]
