"""Stage 3: which sets are said by which engine, and a set that gets speech."""

import re
from pathlib import Path

import pytest

from espnet_atat.bin.run import _request, get_parser, main
from espnet_atat.datadir import DataDir
from espnet_atat.errors import UserError
from espnet_atat.speech.synthesis.engines import read_entries
from espnet_atat.speech.synthesis.say_set import FORM
from espnet_atat.steps.stage03_synthesize import plan as synthesis
from tests.speech.synthesis.conftest import pico
from tests.steps.corpora import stages

__all__ = ["pico"]  # a fixture
pytestmark = pytest.mark.usefixtures("clone")

TEXT = DataDir(text={"top-test-00001": "sing"}, target={"top-test-00001": "[IN:SING sing ]"})
SAID = ["3 top/train_pico", "3 top/dev_pico", "3 top/test_flite"]
ROWS = "\n".join(
    f"set the {room} lights to {percent} %,set light,room={room},train"
    for room, percent in (("kitchen", 50), ("hall", 25), ("attic", 100))
)


@pytest.fixture
def plan(clone, capsys):  # noqa: ARG001 (the working directory)
    """A function that plans stage 3 of TOP's table 5, whose text is prepared; no engine is wanted for that."""
    for name in ("train", "dev", "test"):
        TEXT.write(Path("data/top", name))

    def plan(*options: str) -> str:
        main(["--recipe", "top", "--table", "5", "--stage", "3", "--stop_stage", "3", "--dry_run", *options])
        return capsys.readouterr().out

    return plan


def test_training_and_test_are_said_by_different_engines_and_a_test_set_with_recordings_by_none(plan):
    assert stages(plan()) == SAID
    assert stages(plan("--synthesize_sets", "train@pico,train", "--tts_engine", "pico")) == SAID[:1]
    TEXT.write(Path("data/top/recorded_test"))
    printed = plan()
    assert stages(printed) == SAID[:-1]
    assert printed.endswith("stage 3: there are recordings of test: it is not said by flite\n")


def test_the_paper_s_engine_says_what_the_rows_then_learn_from(plan):
    polly = ["3 top/train_polly", "3 top/dev_polly", SAID[-1]]
    assert stages(plan("--tts_engine", "polly")) == polly
    recipe = Path("egs2/atat/top/recipe.yaml")
    recipe.write_text(f"synthesize: {{engine: polly}}\n{recipe.read_text()}")
    assert stages(plan()) == polly
    assert stages(plan("--tts_engine", "pico")) == SAID


def test_rows_of_two_engines_have_both_say_their_sets(plan):
    table = Path("egs2/atat/top/tables/table5.yaml")
    text = table.read_text().replace("synthesize_sets:", 'augment_sets: ["train_{tts}"]\nsynthesize_sets:')
    table.write_text(text + "  nine_voices: {base: zeroshot_synthetic, title: with Polly, tts_engine: polly}\n")
    said = ["train_pico", "train_polly", "dev_pico", "dev_polly", "test_flite", "train_pico_aug", "train_polly_aug"]
    assert stages(plan()) == [f"3 top/{name}" for name in said]


@pytest.mark.usefixtures("plan")
def test_the_recipe_s_options_are_its_engine_s():
    """Kokoro's voices are not asked of Polly."""
    recipe = Path("egs2/atat/top/recipe.yaml")
    recipe.write_text(f"synthesize: {{engine: kokoro, options: {{voices: [af_heart]}}}}\n{recipe.read_text()}")
    options = {}
    for engine in ("kokoro", "polly"):
        request = _request(get_parser().parse_args(["--recipe", "top", "--table", "5", "--tts_engine", engine]), 3, 3)
        node = next(each for each in synthesis(request) if not isinstance(each, str))
        options[engine] = node.identify()["options"]
    common = {"form": FORM, "sentences": None}
    assert options == {
        "kokoro": {"engine": "kokoro", "voices": ["af_heart"], **common},
        "polly": {"engine": "polly", **common},
    }


def test_a_number_of_sentences_is_said_and_the_time_is_shown_before(plan):
    lines = [f"turn [SL:WHAT light {n} ] on" for n in range(20)]
    target = {f"u{n:02d}": f"[IN:ON {line} ]" for n, line in enumerate(lines)}
    DataDir(text={f"u{n:02d}": f"turn light {n} on" for n in range(20)}, target=target).write(Path("data/top/train"))
    printed = plan("--synthesize_sets", "train@kokoro:5,train@pico,dev@polly", "--nj", "1")
    engines = "kokoro 2 s (5 sentences), pico 0 s (20 sentences), polly a service (1 sentences)"
    assert f"stage 3: about 3 s with a process on idle cores: {engines}\n" in printed
    command = ["--recipe", "top", "--synthesize_sets", "train@kokoro:5,train@pico"]
    request = _request(get_parser().parse_args(command), 3, 3)
    nodes = [each for each in synthesis(request) if not isinstance(each, str)]
    found = [node.identify()["options"] for node in nodes]
    assert [(each["engine"], each["sentences"]) for each in found] == [("kokoro", 5), ("pico", None)]


@pytest.mark.parametrize(
    ("entries", "found"),
    [
        (["train", "dev@flite", "test@kokoro:30", "more:7"], {("train", "pico"): None, ("dev", "flite"): None,
         ("test", "kokoro"): 30, ("more", "pico"): 7}),
        (["train:5", "train@pico:5"], {("train", "pico"): 5}),
        (["train:5", "train"], "train: train is said by pico with 5 of its sentences too"),
        (["train", "train:5"], "train:5: train is said by pico with all of its sentences too"),
        (["train@kokoro:0"], "'train@kokoro:0' is not a set, set@engine, or set@engine:sentences"),
        (["train@koko"], "unknown engine 'koko', perhaps 'kokoro'"),
    ],
)  # fmt: skip
def test_entries(entries, found):
    if isinstance(found, dict):
        assert read_entries(entries, "pico") == found
        return
    with pytest.raises(UserError, match=re.escape(found)):
        read_entries(entries, "pico")


def test_several_tables_name_a_set_once(capsys):
    for name in ("books_train", "books_dev"):
        TEXT.write(Path("data/mini", name))
    main(["--table", "1,5,6", "--stage", "3", "--stop_stage", "3", "--dry_run"])
    assert stages(capsys.readouterr().out) == ["3 mini/books_train_pico", "3 mini/books_dev_pico"]


@pytest.mark.slow
@pytest.mark.usefixtures("pico")
def test_a_set_named_on_the_command_line_is_said_and_augmented(clone, monkeypatch, capfd):
    (clone / "lights.csv").write_text(f"transcript,intent,slots,split\n{ROWS}\n")
    monkeypatch.setenv("CUSTOM", str(clone / "lights.csv"))
    command = ["--recipe", "custom", "--stop_stage", "3", "--nj", "1", "--augment_sets", "train_pico"]
    main([*command, "--synthesize_sets", "train"])
    assert "pico: kept 3 of 3 utterances" in capfd.readouterr().out
    said, written = DataDir.load(Path("data/custom/train_pico")), DataDir.load(Path("data/custom/train"))
    assert sorted(said.text.values()) == sorted(written.text.values())
    assert sorted(said.target.values()) == sorted(written.target.values())
    assert all(Path(path).is_file() for path in said.wav.values())
    # What stage 3 said is augmented at its end: as it is, and twice in other rooms and with noise.
    augmented = DataDir.load(Path("data/custom/train_pico_aug"))
    assert {utt.removeprefix("aug1-").removeprefix("aug2-") for utt in augmented.ids} == set(said.ids)
    assert len(augmented) == 3 * len(said)
    assert augmented.target is not None
    main([*command, "--synthesize_sets", "train"])
    skipped = ["1 custom/prepared", "3 custom/train_pico", "3 custom/train_pico_aug"]
    assert stages(capfd.readouterr().out, skipped=True) == skipped
    with pytest.raises(UserError, match="data/custom/nope was not prepared; there are train"):
        main([*command, "--synthesize_sets", "nope"])
