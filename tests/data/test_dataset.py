"""A dataset of different streams, and what the preprocessor makes of an example."""

import itertools

import numpy as np
import pytest
import soundfile
from torch.utils.data import DataLoader

from espnet_atat.data.dataset import MixtureDataset
from espnet_atat.data.feature_augmentation import FeatureAugmentation
from espnet_atat.data.mixture import stream_options
from espnet_atat.data.preprocessor import MixturePreprocessor
from espnet_atat.datadir import read_two_column, write_two_column
from espnet_atat.errors import UserError
from espnet_atat.model.text_encoder import load_text_tokenizer
from espnet_atat.speech.augmentation.chain import Chain
from espnet_atat.text.tokenizer import CharTokenizer, TargetTokenizer
from tests.toy import UTTERANCES, Toy

SLU, NLU = "slu-audio-spk0-00", "nlu-words-spk0-00"
TRANSCRIPT, TREE = UTTERANCES[0]


def preprocessor(toy: Toy, tokenizer: TargetTokenizer, train: bool = False, **options: object) -> MixturePreprocessor:
    return MixturePreprocessor(train, tokenizer, text_tokenizer=load_text_tokenizer(toy.text_tokenizer), **options)


def test_it_knows_its_streams_and_ids(mixture):
    dataset = MixtureDataset(stream_options(mixture))
    assert (dataset.names(), len(dataset)) == (("speech", "text", "text_in"), 3 * len(UTTERANCES))
    assert [dataset.has_name(name) for name in ("speech", "task")] == [True, False]
    assert list(dataset.ids("speech")) == list(read_two_column(mixture / "speech.scp"))
    assert dict(dataset.texts("text_in")) == read_two_column(mixture / "text_in")
    assert "speech: 16" in repr(dataset)


def test_an_unknown_id_has_no_stream_and_an_empty_one_is_named(mixture, tmp_path):
    assert MixtureDataset(stream_options(mixture))["slu-audio-nobody"] == ("slu-audio-nobody", {})
    (tmp_path / "text").touch()
    with pytest.raises(UserError, match="text: no samples"):
        MixtureDataset([(str(tmp_path / "text"), "text", "text")])
    with pytest.raises(UserError, match="text_in has the type text_int; it must be one of kaldi_ark, sound and text"):
        MixtureDataset([(str(mixture / "text_in"), "text_in", "text_int")])


def test_workers_read_what_one_process_reads(mixture):
    dataset = MixtureDataset(stream_options(mixture), lambda _, data: {k: np.array([len(v)]) for k, v in data.items()})
    batches = [[uid] for uid in dataset.ids("text")]
    alone, shared = (
        [batch[0] for batch in DataLoader(dataset, batch_sampler=batches, num_workers=n, collate_fn=list)]
        for n in (0, 2)
    )
    assert alone == shared  # arrays of one number


def test_numbers_of_an_audio_example_and_of_a_text(toy, mixture, tokenizer):
    characters = CharTokenizer(toy.characters.read_text(encoding="utf-8").splitlines())
    dataset = MixtureDataset(stream_options(mixture), preprocessor(toy, tokenizer, ctc_tokenizer=characters))
    _, data = dataset[SLU]
    assert set(data) == {"speech", "text", "ctc_text"}
    assert data["speech"].shape == (8 * len(TRANSCRIPT.split()), 80)
    assert data["speech"].dtype == np.float32
    assert tokenizer.decode(data["text"]) == TREE
    assert "".join(characters.characters[i] for i in data["ctc_text"]).replace("<space>", " ") == TRANSCRIPT
    _, data = dataset[NLU]
    assert set(data) == {"text_in", "text"}
    assert data["text_in"].dtype == np.int64
    pieces = load_text_tokenizer(toy.text_tokenizer).convert_ids_to_tokens(data["text_in"])
    assert pieces == ["[CLS]", *TRANSCRIPT.split(), "[SEP]"]


@pytest.mark.parametrize(
    ("shape", "augmentation"),
    [
        ((50, 80), {"augmentation": FeatureAugmentation(tilt=1.0)}),
        ((16_000,), {"waveform_augmentation": Chain.from_config({"noise": {"snr": [0, 10]}}, "here")}),
    ],
    ids=["features", "audio"],
)
def test_augmentation_is_of_training_alone_and_follows_the_global_seed(toy, tokenizer, shape, augmentation):
    speech = np.random.default_rng(0).normal(0, 0.1, size=shape).astype(np.float32)

    def numbers(train: bool, seed: int) -> np.ndarray:
        np.random.seed(seed)  # noqa: NPY002 (as ESPnet does at each epoch's start)
        return preprocessor(toy, tokenizer, train, **augmentation)("slu-a-b", {"speech": speech})["speech"]

    assert np.array_equal(numbers(False, 1), speech)
    assert not np.array_equal(numbers(True, 1), speech)
    assert np.array_equal(numbers(True, 1), numbers(True, 1))
    assert not np.array_equal(numbers(True, 1), numbers(True, 2))


def test_text_masks_hide_their_share_in_training_alone(toy, tokenizer):
    line = " ".join(["rain"] * 40)
    plain = preprocessor(toy, tokenizer, True)("nlu-a-b", {"text_in": line})["text_in"]
    train, valid = (preprocessor(toy, tokenizer, flag, text_mask_rate=0.25) for flag in (True, False))
    mask = train.text_tokenizer.mask_token_id
    assert np.array_equal(valid("nlu-a-b", {"text_in": line})["text_in"], plain)
    hidden = 0
    for seed in range(50):
        np.random.seed(seed)  # noqa: NPY002
        pieces = train("nlu-a-b", {"text_in": line})["text_in"]
        assert np.array_equal(pieces[[0, -1]], plain[[0, -1]])
        assert np.array_equal(pieces[pieces != mask], plain[pieces != mask])
        hidden += int((pieces == mask).sum())
    assert hidden / (50 * (len(plain) - 2)) == pytest.approx(0.25, abs=0.03)
    with pytest.raises(UserError, match="text_mask_rate"):
        preprocessor(toy, tokenizer, True, text_mask_rate=1.0)
    with pytest.raises(UserError, match="no mask token"):
        MixturePreprocessor(True, tokenizer, text_mask_rate=0.1)


def test_text_at_the_pace_of_speech_repeats_its_pieces_and_hides_them_whole(toy, tokenizer):
    plain, slow = (preprocessor(toy, tokenizer, False, text_pace=pace) for pace in (0.0, 0.8))
    words = TRANSCRIPT.split()
    ids = {word: plain("nlu-a-b", {"text_in": word})["text_in"][1:-1].tolist() for word in words}
    assert all(len(pieces) == 1 for pieces in ids.values())  # of this tokenizer a word is a piece
    read = slow("nlu-a-b", {"text_in": TRANSCRIPT})["text_in"].tolist()
    runs = [(piece, len(list(run))) for piece, run in itertools.groupby(read[1:-1])]
    assert [piece for piece, _ in runs] == [ids[word][0] for word in words]
    assert all(abs(number - 0.8 * len(word)) <= 1 for word, (_, number) in zip(words, runs, strict=True))
    audio = {"speech": np.zeros((20, 80), np.float32), "text": f"<slu> {TREE}"}
    with_words = preprocessor(toy, tokenizer, transcripts=True, transcript_words=True, text_pace=0.8)(SLU, audio)
    assert with_words["transcript"].tolist() == read
    numbers = [word for word, (_, run) in enumerate(runs) for _ in range(run)]
    assert with_words["transcript_words"].tolist() == [-1, *numbers, -1]
    masked = preprocessor(toy, tokenizer, True, text_pace=0.8, text_mask_rate=0.5)
    mask = masked.text_tokenizer.mask_token_id
    for seed in range(20):
        np.random.seed(seed)  # noqa: NPY002
        hidden = masked("nlu-a-b", {"text_in": TRANSCRIPT})["text_in"][1:-1] == mask
        assert all(len(set(hidden[np.array(numbers) == word])) == 1 for word in range(len(words)))
    short = preprocessor(toy, tokenizer, False, text_pace=3.0, max_text_pieces=9)("nlu-a-b", {"text_in": TRANSCRIPT})
    assert len(short["text_in"]) == 9
    assert short["text_in"][-1] == read[-1]  # [SEP]
    with pytest.raises(UserError, match="text_pace is a number of states"):
        preprocessor(toy, tokenizer, True, text_pace=-1.0)


@pytest.mark.parametrize(("room", "one_epoch", "kept"), [(0, False, 0), (1, False, 1), (100, False, 2), (100, True, 0)])
def test_texts_are_tokenised_once_as_long_as_there_is_room(toy, tokenizer, monkeypatch, room, one_epoch, kept):
    monkeypatch.setattr("espnet_atat.data.preprocessor.REMEMBERED", room)
    if one_epoch:  # a worker that ends with its epoch keeps nothing
        monkeypatch.setattr("espnet_atat.data.preprocessor.get_worker_info", object)
    make = preprocessor(toy, tokenizer, ctc_tokenizer=tokenizer, transcripts=True)
    audio = {"speech": np.zeros((20, 80), np.float32), "text": f"<slu> {TREE}"}
    first = make(SLU, audio)
    assert first["ctc_text"].tolist() == first["text"][1:].tolist()  # all but the task token
    text = make(NLU, {"text_in": TRANSCRIPT, "text": f"<nlu> {TREE}"})
    assert np.array_equal(first["transcript"], text["text_in"])  # its words as the text encoder reads them
    assert "transcript" not in text
    seen: list[str] = []
    encode = TargetTokenizer.encode
    monkeypatch.setattr(TargetTokenizer, "encode", lambda self, text: seen.append(text) or encode(self, text))
    second = make(SLU, audio)
    assert first.keys() == second.keys() == {"speech", "text", "ctc_text", "transcript"}
    assert all(np.array_equal(first[name], second[name]) for name in first)
    assert seen == [f"<slu> {TREE}", TREE][kept:]


def test_what_cannot_be_numbered_is_named(toy, tokenizer, tmp_path):
    with pytest.raises(UserError, match=r"utterance slu-a-b: the tag '\[IN:SING' is not in the token list"):
        preprocessor(toy, tokenizer)("slu-a-b", {"text": "<slu> [IN:SING la ]"})
    with pytest.raises(UserError, match="utterance nlu-a-b is text, but the model has no text encoder"):
        MixturePreprocessor(True, tokenizer)("nlu-a-b", {"text_in": "rain"})
    for folder in (tmp_path, tmp_path / "nothing"):
        with pytest.raises(UserError, match=f"text tokenizer '{folder}': no "):
            load_text_tokenizer(folder)


def test_sound_files_are_read_as_samples(tmp_path, toy, tokenizer):
    wave = (0.5 * np.sin(np.arange(1600) / 8)).astype(np.float32)
    soundfile.write(tmp_path / "a.flac", wave, 16000)
    write_two_column(tmp_path / "speech.scp", {SLU: str(tmp_path / "a.flac")})
    write_two_column(tmp_path / "text", {SLU: f"<slu> {TREE}"})
    options = stream_options(tmp_path)
    assert options[0][2] == "sound"
    preprocess = preprocessor(toy, tokenizer, True, augmentation=FeatureAugmentation(tilt=1.0))
    _, data = MixtureDataset(options, preprocess)[SLU]
    assert data["speech"].shape == (1600,)
    assert np.allclose(data["speech"], wave, atol=1e-3)
