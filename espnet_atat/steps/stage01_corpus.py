"""Stage 1: the raw corpus → ``data/<recipe>/<set>``, by the recipe's ``local/data.sh``, which also checks every set."""

import os
import shutil
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from espnet_atat.config.layout import DATA, DERIVED, DUMP, EGS
from espnet_atat.corpora.listing import corpus_path, listing
from espnet_atat.datadir import PREPARED, prepared_sets
from espnet_atat.errors import UserError
from espnet_atat.graph.digest import digest
from espnet_atat.graph.launch import call
from espnet_atat.graph.node import Node
from espnet_atat.graph.work import check_own, read_stamp
from espnet_atat.stages import Stage
from espnet_atat.steps.request import Request


def plan(request: Request) -> Iterator[Node | str]:
    """One node: a corpus is prepared whole. A dry run also says what there is to do before there is a corpus."""
    place = DATA / request.recipe / PREPARED
    try:
        source = corpus_path(request.recipe, request.options.corpus)
    except UserError as error:
        if not request.dry_run:
            raise
        yield f"{place}: to be made; {error}"
        return
    # Names, sizes and dates of a raw corpus's files stand for their content.
    options = [*request.options.prepare, *(["--allow_bad_test"] if request.allow_bad_test else [])]
    yield Node(
        stage=Stage.CORPUS,
        at=place,
        identify=lambda: {
            "kind": "corpus",
            "source": str(source),
            "options": options,
            "environment": {name: os.environ.get(name) for name in request.options.environment},
            "files": digest(list(listing(source))),
        },
        make=partial(_prepare, request, source, options),
        about=f"from {source}",
        is_file=True,
        in_place=True,
        fetches=True,
    )


def _prepare(request: Request, source: Path, options: list[str], _work: Path) -> Mapping[str, Any]:
    recipe = request.recipe
    before = prepared_sets(DATA / recipe)
    script = EGS / recipe / "local/data.sh"
    if code := call([str(script), str(source), str(DATA / recipe), *options, "--nj", str(request.nj)]):
        raise UserError(f"{script} failed with code {code}: its output says why")
    for name in set(before) - set(prepared_sets(DATA / recipe)):
        for derived in (f"{name}{end}" for end in ("", *DERIVED)):
            if derived == name or read_stamp(DATA / recipe / derived):
                print(f"  {DUMP / recipe / derived}: removed, as there is no {name} any more")
                for place in (DATA, DUMP):
                    check_own(place / recipe / derived)
                    shutil.rmtree(place / recipe / derived, ignore_errors=True)
    return {"sets": len(prepared_sets(DATA / recipe))}
