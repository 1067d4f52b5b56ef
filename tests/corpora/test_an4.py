"""AN4: the real recordings, and the sphere distribution's layout."""

from collections.abc import Callable
from pathlib import Path

import pytest

from espnet_atat.corpora.an4 import prepare
from espnet_atat.datadir import DataDir
from espnet_atat.errors import UserError
from tests.corpora.conftest import write_an4, write_lines, write_noise
from tests.spoken import spoken


def test_the_real_recordings(real_corpus: Callable[[str], Path], tmp_path: Path) -> None:
    report = prepare(real_corpus("an4"), tmp_path)
    sets = {name: DataDir.load(tmp_path / name) for name in ("train", "dev", "test")}
    assert len(sets["train"]) + len(sets["dev"]) == 948
    assert len(sets["test"]) == 130
    assert 80 <= len(sets["dev"]) <= 110
    speakers = {name: set(data.spk2utt) for name, data in sets.items()}
    assert len(speakers["train"] | speakers["dev"]) == 74
    assert len(speakers["test"]) == 10
    assert not speakers["train"] & speakers["dev"]
    assert not (speakers["train"] | speakers["dev"]) & speakers["test"]
    assert sets["test"].text["fcaw-an406-fcaw-b"] == "rubout g m e f three nine"
    assert sum(one.seconds for one in report.sets) == pytest.approx(48 * 60, rel=0.05)
    assert not any(one.dropped for one in report.sets)


def test_the_dev_set_is_the_seeds(tmp_path: Path) -> None:
    source = write_an4(tmp_path / "an4", {"train": spoken("sentences_train", 60), "test": spoken("music_test", 5)})
    dev = []
    for run, seed in enumerate((0, 0, 1)):
        prepare(source, tmp_path / str(run), seed=seed)
        dev.append(DataDir.load(tmp_path / str(run) / "dev").ids)
    assert dev[0] == dev[1]
    assert dev[0] != dev[2]


@pytest.fixture
def sphere(tmp_path: Path) -> Path:
    """Four speakers of two recordings each, as NIST sphere files."""
    root = tmp_path / "an4"
    for part, folder, speakers in (("train", "an4_clstk", "abc"), ("test", "an4test_clstk", "d")):
        names = [f"{folder}/m{s}{s}{s}/an{n}-m{s}{s}{s}-b" for s in speakers for n in (1, 2)]
        for name in names:
            write_noise(root / "wav" / f"{name}.sph")
        write_lines(root / "etc" / f"an4_{part}.fileids", names)
        write_lines(root / "etc" / f"an4_{part}.transcription", [f"<s> P I FIVE </s> ({Path(n).name})" for n in names])
    return root


def test_sphere_files_are_read(sphere: Path, tmp_path: Path) -> None:
    prepare(sphere.parent, tmp_path / "data")
    test = DataDir.load(tmp_path / "data" / "test")
    assert test.text == {"mddd-an1-mddd-b": "p i five", "mddd-an2-mddd-b": "p i five"}
    assert test.wav["mddd-an1-mddd-b"].endswith("an4/wav/an4test_clstk/mddd/an1-mddd-b.sph")
    assert len(DataDir.load(tmp_path / "data" / "dev").spk2utt) == 1


def test_a_headerless_distribution_is_refused(sphere: Path, tmp_path: Path) -> None:
    for path in sphere.rglob("*.sph"):
        path.rename(path.with_suffix(".raw"))
    with pytest.raises(UserError, match=r"\.raw: the headerless distribution is not read"):
        prepare(sphere, tmp_path / "data")
