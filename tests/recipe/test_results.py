"""Which table's archive keeps a row."""

import json
import lzma

from espnet_atat.recipe.results import tables_of_rows
from tests.conftest import ROOT


def test_a_row_is_kept_by_the_first_numbered_table_that_has_it_else_by_the_first_name(monkeypatch):
    monkeypatch.chdir(ROOT)
    tables = tables_of_rows("mini")
    assert {
        row: tables[row] for row in ("music_e2e_100", "books_zeroshot", "music", "music_e2e_5", "music_minilm")
    } == {
        "music_e2e_100": "table1",  # tables 1 and 2, and amount
        "books_zeroshot": "table5",  # table 6, default, minilm … too
        "music": "default",
        "music_e2e_5": "amount",
        "music_minilm": "minilm",
    }
    for archive in (ROOT / "egs2/atat/mini/results").glob("*.jsonl.xz"):
        records = map(json.loads, lzma.decompress(archive.read_bytes()).splitlines())
        rows = {record["place"].split("/")[0] for record in records if "place" in record}
        assert {tables[row] for row in rows} <= {archive.name.removesuffix(".jsonl.xz")}
