"""The page of a table: all its plots, each with what it was drawn from, in one file."""

import base64
import re

import pytest

from espnet_atat.report.plots import write_report
from tests.report.test_glance import write_attention
from tests.report.test_intents import hypotheses, scored
from tests.report.test_tables import content, row


@pytest.fixture
def table(tmp_path):
    """A row with hypotheses, their scores and an attention."""
    ref, hyp = hypotheses(tmp_path / "seed1/decode/test")
    metrics = scored([ref], [hyp], ref.with_name("metrics.json"))
    write_attention(hyp.with_name("attention.npz"), "[IN:PLAY <stay> ]")
    return content(row(files=[str(metrics)], runs=[]))


def test_the_page_holds_its_pictures_and_needs_no_other_file(table, tmp_path):
    (tmp_path / "mini_plots").mkdir()
    (tmp_path / "mini_plots/rows_gone.png").write_bytes(b"of an earlier table")
    page = write_report(table, tmp_path, "mini").read_text()
    pictures = re.findall(r"data:image/png;base64,([A-Za-z0-9+/=]+)", page)
    written = {png.name: png.read_bytes() for png in tmp_path.glob("mini_plots/*.png")}
    names = ("attention_music_music_test", "intents_music_music_test", "rows_music_test_em_full")
    assert sorted(written) == [f"{name}.png" for name in names]
    assert sorted(map(base64.b64decode, pictures)) == sorted(written.values())
    assert not re.search(r'(?:src|href)="(?!data:|#)', page)
    anchors = re.findall(r'href="#([^"]+)"', page)
    assert [f"{name}.png" for name in sorted(anchors)] == sorted(written)
    assert all(f'id="{name}"' in page for name in anchors)
    # Captions name files and what is wrong.
    assert "85.1 [79.1, 90.1]" in page
    assert "in brackets the 95 % interval" in page
    assert "<em>heard</em>" in page
    assert "Decoded with <code>decode</code>" in page
    for source in ("mini.json", "seed1/decode/test/attention.npz", "seed1/decode/test/metrics.json"):
        assert f"<code>{tmp_path / source}</code>" in page
    assert "what the model made of the audio: [IN:PLAY &lt;stay&gt; ], but the reference is [IN:PLAY play ]." in page


def test_pooled_folds_show_the_attention_of_one(tmp_path):
    pairs = [hypotheses(tmp_path / f"seed1_{name}/decode/test", name) for name in ("a", "b")]
    write_attention(pairs[0][1].with_name("attention.npz"))
    (tmp_path / "seed1").mkdir()
    metrics = scored(*zip(*pairs, strict=True), tmp_path / "seed1/metrics.json")
    page = write_report(content(row(files=[str(metrics)], runs=[])), tmp_path, "mini").read_text()
    assert f"<code>{tmp_path / 'seed1_a/decode/test/attention.npz'}</code>" in page
