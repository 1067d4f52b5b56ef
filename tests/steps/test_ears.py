"""Models on top of a pretrained speech encoder, from audio to package: states stored once, or computed in training."""

import shutil
from io import BytesIO
from pathlib import Path
from zlib import crc32

import numpy as np
import pytest
import soundfile
import torch
from kaldiio import load_scp

from espnet_atat.bin.pack import main as pack
from espnet_atat.config.encoder_input import encoder_input_of
from espnet_atat.config.system import load_system
from espnet_atat.datadir import read_two_column, write_two_column
from espnet_atat.decode.understand import Speech2Understand
from espnet_atat.demo.engine import LoadedModels
from espnet_atat.errors import UserError
from espnet_atat.model.pretrained_speech import load_pretrained_speech
from espnet_atat.package.reader import open_package, read_manifest
from espnet_atat.speech import features, states
from tests.decode.test_imports import SCRIPT, UNWANTED
from tests.model.test_espnet_speech import build, packed
from tests.shell import run_script
from tests.steps.world import FILES, PRETRAIN, run, training, write_recipe
from tests.toy_ears import make_encoder

EARS = PRETRAIN.replace("normalize: global_mvn\n", "").replace("input_size: 80\n", "")
EARS = EARS.replace("audio_encoder: transformer", "audio_encoder: hugging_face")
EARS = EARS.replace("batch_bins: 400\n", "batch_bins: 1500\n").replace("cpu_processes: 2", "cpu_processes: 1")
EARS = EARS.replace("cnn_channels: [4, 4]", "model: ears, stack: 4, blocks: conformer")
ROWS = {
    "conf/ears.yaml": EARS,
    "rows/frozen": FILES["rows/old"].replace("config: pretrain,", "config: ears,"),
    "rows/top": FILES["rows/old"].replace(
        "config: pretrain,", "config: ears, options: {audio_encoder_conf: {trained: 1}},"
    ),
    "rows/lora": FILES["rows/old"].replace(
        "config: pretrain,",
        "config: ears, options: {use_adapter: true, adapter: lora, save_strategy: all, "
        "adapter_conf: {rank: 2, target_modules: [q_proj, v_proj]}, freeze_param: [audio_encoder.pretrained]},",
    ),
    "rows/frozen_zeroshot": FILES["rows/zeroshot"].replace("config: pretrain,", "config: ears,"),
}


@pytest.fixture
def ears(world):
    """The toy's commands as recordings, and an encoder in the folder ``ears``."""
    rng = np.random.default_rng(0)
    for name in ("audio", "test"):
        folder = world / "data/toy" / name
        words = read_two_column(folder / "text")
        for utt, text in words.items():
            chords = [np.sin(np.arange(2400) * (0.05 + 0.01 * (crc32(word.encode()) % 30))) for word in text.split()]
            samples = 0.1 * np.concatenate(chords) + 0.01 * rng.normal(size=2400 * len(chords))
            soundfile.write(folder / f"{utt}.wav", samples, 16_000)
        write_two_column(folder / "wav.scp", {utt: f"data/toy/{name}/{utt}.wav" for utt in words})
    shutil.rmtree(world / "dump")
    make_encoder(world / "ears")
    write_recipe(world, "toy", ROWS)
    return world


def make(system: str, *options: str, stage: int = 6, stop: int = 9) -> None:
    run("--system", system, "--stage", str(stage), "--stop_stage", str(stop), "--nj", "1", *options)


def test_states_are_stored_once_for_all_rows_and_say_whose_they_are(ears, capsys):
    make("frozen", stop=6)
    dump = encoder_input_of({"audio_encoder": "hugging_face", "audio_encoder_conf": {"model": "ears"}}).dump
    assert dump.name.startswith("ears-")
    frames = read_two_column(dump / "toy/audio/utt2num_frames")
    assert frames.keys() == read_two_column("dump/toy/audio/text").keys()
    samples = {utt: soundfile.info(f"data/toy/audio/{utt}.wav").frames for utt in frames}
    assert all(int(frames[utt]) == -(-(samples[utt] + 8000) // 320) for utt in frames)
    assert (dump / "toy/words/text").is_file()
    capsys.readouterr()
    make("frozen_zeroshot", stop=6)
    assert f"{dump}/toy/audio: done already" in capsys.readouterr().out

    before = training("frozen").run.key
    make_encoder(ears / "ears", seed=1)
    assert training("frozen").dump != dump
    make("frozen", stop=6)
    assert training("frozen").run.key != before


@pytest.mark.slow
@pytest.mark.usefixtures("ears")
def test_states_are_the_same_from_any_number_of_processes(monkeypatch):
    monkeypatch.setattr(features, "SMALLEST", 2)
    found = []
    for nj in ("1", "3"):
        run("--system", "frozen", "--stage", "6", "--stop_stage", "6", "--nj", nj, "--force")
        arks = sorted((training("frozen").dump / "toy/audio/data").glob("*.ark"))
        found.append([path.read_bytes() for path in arks])
    assert len(found[0]) == 3
    assert found[0] == found[1]


@pytest.mark.usefixtures("ears")
def test_states_are_made_on_a_gpu_if_one_is_asked_for(monkeypatch, capsys):
    """Only the encoder goes there. Here the device "cuda" is the CPU."""

    def stored() -> list[bytes]:
        return [path.read_bytes() for path in sorted((training("frozen").dump / "toy/audio/data").glob("*.ark"))]

    make("frozen", stop=6)
    found, moved = stored(), []
    to = torch.nn.Module.to
    monkeypatch.setattr(torch.nn.Module, "to", lambda self, where: moved.append(where) or to(self, "cpu"))
    make("frozen", "--ngpu", "1", "--force", stop=6)
    assert moved == ["cpu"]
    assert "no GPU here: on the CPU" in capsys.readouterr().out
    states._encoder.cache_clear()
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    make("frozen", "--ngpu", "1", "--force", stop=6)
    states._encoder.cache_clear()
    assert moved == ["cpu", "cuda"]
    assert stored() == found


@pytest.mark.usefixtures("ears")
def test_mel_warp_of_states_is_refused():
    make("frozen", stop=9)
    options = ["--system", "frozen", "--stage", "10", "--stop_stage", "10"]
    with pytest.raises(UserError, match="mel_warp applies only to log mels; states can only be stretched"):
        run(*options, "--set", "pretrain.options.augment_conf={mel_warp: 0.1}")


@pytest.mark.usefixtures("ears")
def test_compression_changes_states_little():
    found = []
    for compress in ("false", "true"):
        make("frozen", "--compress", compress, stop=6)
        found.append(dict(load_scp(str(training("frozen").dump / "toy/audio/feats.scp"))))
    encoder = load_pretrained_speech("ears").eval()
    for utt, two_bytes in found[0].items():
        exact = encoder.states_of(soundfile.read(f"data/toy/audio/{utt}.wav", dtype="float32")[0])
        assert np.abs(two_bytes - exact).max() < 1e-3
        assert np.abs(found[1][utt] - exact).mean() < 0.02 * exact.std()


@pytest.mark.slow
def test_a_package_hears_wavs_as_the_recipe_heard_states(ears):
    make("frozen", "--compress", "false", stop=15)
    saved = training("frozen").run.place / "config.yaml"
    assert "reads_states: true" in saved.read_text()
    package = Path("exp/toy/packages/toy_frozen_seed1.zip")
    assert read_manifest(package).encoder == {"kind": "whisper", "identity": training("frozen").encoder_input.identity}
    hyp = read_two_column("exp/toy/frozen/seed1/decode/test/hyp")
    wavs = read_two_column("data/toy/test/wav.scp")
    named = package.with_name("named.zip")
    model = training("frozen").model_file
    files = {"train_config": saved, "model_file": model, "outpath": named}
    pack([*(word for key, path in files.items() for word in (f"--{key}", str(path))), "--encoder_by_name"])
    assert named.stat().st_size < package.stat().st_size
    assert read_manifest(named).encoder["name"] == "ears"
    for source in (package, named, saved.parent):
        understand = Speech2Understand.from_pretrained(source, beam_size=2, maxlen=12)
        for utt, wav in wavs.items():
            result = understand(wav)
            assert result.line == hyp[utt], (source, utt)
    spoken = Speech2Understand.from_pretrained(package, task="asr", beam_size=2, maxlen=2)
    for wav in wavs.values():
        result = spoken(wav)
        assert [word.text for word in result.words] == result.text.split() != []
        assert all(0 <= word.start < word.end < 1.5 for word in result.words)
    page = LoadedModels({"toy": str(package)})
    for wav in wavs.values():
        answer = page.hear("toy", "slu", Path(wav).read_bytes())
        assert answer.results[0].line == Speech2Understand.from_pretrained(package)(wav).line
        assert answer.attention.mean.shape[0] == len(answer.results[0].tokens) + 1
    heard = run_script(SCRIPT, package.absolute(), next(iter(wavs.values())), *UNWANTED)
    assert heard.stdout.splitlines()[1:] == [""]
    for utt, matrix in load_scp(str(training("frozen").dump / "toy/test/feats.scp")).items():
        assert understand(np.array(matrix)).line == hyp[utt]

    check_long_recordings(package, list(wavs.values()))
    (ears / "ears").rename(ears / "elsewhere")
    whole = Speech2Understand.from_pretrained(package, beam_size=2, maxlen=12)
    assert [whole(wav).line for wav in wavs.values()] == [hyp[utt] for utt in wavs]
    bare = Speech2Understand.from_pretrained(named, beam_size=2, maxlen=12)
    with pytest.raises(UserError, match=r"audio encoder 'ears': no such folder, not installed .* in the hub's cache"):
        bare(next(iter(wavs.values())))
    make_encoder(ears / "ears", seed=1)
    with pytest.raises(UserError, match="another version of it"):
        bare(next(iter(wavs.values())))


def check_long_recordings(package: Path, wavs: list[str]) -> None:
    """What has more seconds than the encoder has positions (200 of 20 ms, half a second of silence off) is cut."""
    samples = np.concatenate([soundfile.read(wav, dtype="float32")[0] for wav in wavs * 40])
    for noise in (samples[: 12 * 16_000], samples[:58_000], samples[:56_000]):
        understand = Speech2Understand.from_pretrained(package, beam_size=2, maxlen=12)
        cut = understand.segments(noise)
        assert len(cut) > 1 or len(noise) <= 3.5 * 16_000
        assert all(len(segment.speech) <= 3.5 * 16_000 for segment in cut)
        assert len(understand.nbest([noise])) == 1
    recording = BytesIO()
    soundfile.write(recording, samples[: 12 * 16_000], 16_000, format="WAV")
    assert len(LoadedModels({"toy": str(package)}).hear("toy", "slu", recording.getvalue()).results[0].segments) > 1
    with pytest.raises(UserError, match=r"speech of 12.0 s: at most 3.5 s at once .* have it cut \(vad auto\)"):
        Speech2Understand.from_pretrained(package, vad="none")(samples[: 12 * 16_000])


@pytest.mark.slow
@pytest.mark.usefixtures("ears")
def test_lora_adapts_an_encoder_that_is_frozen_otherwise():
    make("lora", stop=13)
    state = torch.load(training("lora").model_file, weights_only=True)
    start = load_pretrained_speech("ears").state_dict()
    moved = {name for name in start if not torch.equal(state[f"audio_encoder.pretrained.{name}"], start[name])}
    assert moved == {f"encoder.layers.{n}.self_attn.{part}_proj.weight" for n in range(3) for part in "qv"}


@pytest.mark.slow
def test_an_espnet_asr_model_is_an_encoder_too(ears):
    """Packed by ESPnet, frozen; its states are stored, a fine-tuning goes on, and the package brings its weights."""
    folder = ears / "asr"
    folder.mkdir()
    build("conformer", folder)
    packed("conformer", folder)
    row = FILES["rows/zeroshot"].replace("config: pretrain,", "config: espnet,")
    config = EARS.replace("hugging_face\n", "espnet\naudio_encoder_init: asr/model.zip\n", 1)
    config = config.replace("  model: ears\n", "").replace("stack: 4", "stack: 2")
    write_recipe(ears, "toy", {"conf/espnet.yaml": config, "rows/on_asr": row})
    make("on_asr", "--compress", "false", stop=15)
    assert training("on_asr").dump.name.startswith("model-")
    (folder / "model.zip").unlink()
    hyp = read_two_column("exp/toy/on_asr/seed1/decode/test/hyp")
    package = "exp/toy/packages/toy_on_asr_seed1.zip"
    assert read_manifest(package).encoder["kind"] == "espnet"
    understand = Speech2Understand.from_pretrained(package, beam_size=2, maxlen=12)
    assert [understand(f"data/toy/test/{utt}.wav").line for utt in hyp] == list(hyp.values())


@pytest.mark.slow
@pytest.mark.usefixtures("ears")
def test_zeroshot_on_top_of_stored_states_goes_through():
    make("frozen_zeroshot", stop=14)
    assert Path("exp/toy/frozen_zeroshot/seed1/decode/test/metrics.json").is_file()


@pytest.mark.slow
def test_an_encoder_whose_upper_layers_train_reads_audio_and_is_in_the_checkpoint(ears):
    make("top", stop=15)
    trained = training("top")
    assert trained.dump == Path("dump/raw")
    state = torch.load(trained.model_file, weights_only=True)
    start = load_pretrained_speech("ears").state_dict()
    moved = {name for name in start if not torch.equal(state[f"audio_encoder.pretrained.{name}"].float(), start[name])}
    assert moved
    assert all(name.startswith(("encoder.layers.2.", "encoder.layer_norm")) for name in moved)
    (ears / "ears").rename(ears / "elsewhere")
    package = "exp/toy/packages/toy_top_seed1.zip"
    hyp = read_two_column("exp/toy/top/seed1/decode/test/hyp")
    understand = Speech2Understand.from_pretrained(package, beam_size=2, maxlen=12)
    assert [understand(f"data/toy/test/{utt}.wav").line for utt in hyp] == list(hyp.values())
    with open_package(package) as opened:
        assert "model: null" in opened.train_config.read_text()


@pytest.mark.parametrize(
    ("config", "stored"),
    [
        ({}, True),
        ({"audio_encoder_conf": {"layers": 2}}, True),
        ({"audio_encoder_conf": {"layers": "weighted"}}, False),
        ({"audio_encoder_conf": {"trained": 2}}, False),
        ({"use_adapter": True}, False),
        ({"waveform_augment_conf": {"gain": 3}}, False),
        ({"feats_type": "raw"}, False),
        ({"feats_type": "encoder", "use_adapter": True}, True),
    ],
)
def test_what_is_read_follows_from_what_is_trained(config, stored):
    conf = {"model": "ears", **config.get("audio_encoder_conf", {})}
    assert encoder_input_of({"audio_encoder": "hugging_face", **config, "audio_encoder_conf": conf}).stored == stored


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"audio_encoder": "conformer", "feats_type": "encoder"}, "needs audio_encoder hugging_face"),
        ({}, "names no model"),
        ({"feats_type": "encoder", "audio_encoder_conf": {"model": "e", "trained": 1}}, "needs a frozen encoder"),
        ({"feats_type": "fbank", "audio_encoder_conf": {"model": "e"}}, "encoder or raw"),
    ],
)
def test_contradictions_are_refused(config, message):
    with pytest.raises(UserError, match=message):
        encoder_input_of({"audio_encoder": "hugging_face", **config})


@pytest.mark.usefixtures("ears")
def test_feats_type_encoder_without_an_encoder_is_refused():
    with pytest.raises(UserError, match="name the encoder"):
        make("old", "--feats_type", "encoder", stop=6)


def test_recordings_that_the_same_call_dumps_have_states_too(ears):
    """Before stage 6 no set has audio, so that the last one is chosen, which stage 3 might have made."""
    order = "test: [{set: {your recordings: toy/test, synthetic speech: toy/test_flite}, task: nlu}]"
    row = ROWS["rows/frozen_zeroshot"].replace("test: [{set: toy/test, task: nlu}]", order)
    write_recipe(ears, "toy", {"rows/listening": row})
    assert load_system("toy", "listening").test[0].set == "toy/test_flite"
    make("listening", stop=6)
    assert load_system("toy", "listening").test[0].set == "toy/test"
    (dump,) = Path("dump").glob("ears-*")
    assert (dump / "toy/test/feats.scp").is_file()


@pytest.mark.usefixtures("ears")
def test_a_named_encoder_runs_without_a_row_and_so_do_mfcc():
    make("old", "--feats_type", "encoder", "--encoder", "ears", stop=6)
    (dump,) = Path("dump").glob("ears-*")
    assert (dump / "toy/test/feats.scp").is_file()
    make("old", "--feats_type", "mfcc", "--num_ceps", "40", "--deltas", "true", stop=6)
    assert Path("dump/mfcc40d/toy/test/feats.scp").is_file()
    assert Path("dump/toy/test/feats_type").read_text() == "fbank\n"
    with pytest.raises(UserError, match="--num_ceps and --deltas apply only to --feats_type mfcc"):
        make("old", "--num_ceps", "40", stop=6)
