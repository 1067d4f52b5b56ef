"""``atat info``: what a model is, without loading it."""

import dataclasses
import json
from collections.abc import Mapping

from espnet_atat.package.card import CARD_FIGURES
from espnet_atat.package.reader import list_files, read_manifest


def _encoder(encoder: Mapping[str, str]) -> str:
    where = f"{encoder['name']}, not in the package" if "name" in encoder else "in the package"
    return f"a {encoder['kind']}, {encoder['identity']}, {where}"


def describe(source: str, as_json: bool = False) -> str:
    """A package's manifest and files, for people or machines."""
    manifest, files = read_manifest(source), list_files(source)
    if as_json:
        return json.dumps({**dataclasses.asdict(manifest), "files": files}, ensure_ascii=False)
    size = sum(files.values())
    rows = [
        ("model", f"{manifest.name}: {manifest.title}" if manifest.title else manifest.name),
        ("size", f"{size / 1e6:.1f} MB in {len(files)} files, {manifest.parameters / 1e6:.2f} million parameters"),
        ("language", manifest.language),
        *([("hears by", _encoder(manifest.encoder))] if manifest.encoder else []),
        ("licence", manifest.license),
        ("labels", ", ".join(f"<{task}> for {kind}" for kind, task in manifest.labels.items())),
        ("search", ", ".join(f"{key} {value}" for key, value in manifest.decode.items()) or "as it comes"),
        ("corpora", ", ".join(manifest.corpora) or "not said"),
        ("trained by", manifest.command or "not said"),
        ("made with", ", ".join(f"{name} {version}" for name, version in manifest.versions.items())),
    ]
    lines = [f"{name:<12}{' '.join(value.split())}" for name, value in rows]
    for result in manifest.results:
        lines.append(f"\n{result['set']}, <{result['task']}>, {result['config']}, {result['utterances']} utterances:")
        for key in CARD_FIGURES:
            if (figure := result["figures"].get(key)) is not None:
                interval = "".join(f"{100 * end:>8.1f}" for end in figure["interval"])
                lines.append(f"  {figure['title']:<20}{100 * figure['value']:>6.1f} %{interval}")
    return "\n".join(lines)
