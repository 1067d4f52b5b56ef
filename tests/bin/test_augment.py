"""The command, with the configuration that ships."""

import soundfile

from espnet_atat.bin import main_guard
from espnet_atat.bin.augment import main
from espnet_atat.datadir import DataDir


def test_the_shipped_configuration_perturbs_speed_and_a_wrong_one_is_one_clear_error(tone_set, tmp_path, root, capsys):
    source, output = tone_set(3), tmp_path / "aug"
    arguments = ["--data_dir", str(source), "--output_dir", str(output), "--config", str(root / "conf/augment.yaml")]
    assert main_guard(main, arguments) == 0
    made = DataDir.load(output)
    assert len(made) == 9
    before = soundfile.info(made.wav["spk0-utt000"]).frames
    assert abs(soundfile.info(made.wav["sp0.9-spk0-utt000"]).frames - before / 0.9) <= 1
    assert "aug: 9 utterances" in capsys.readouterr().out
    # The same again is kept; another seed makes another set.
    for options, said in ([], "done already"), (["--force"], "wrote"), (["--seed", "1"], "wrote"):
        assert main_guard(main, [*arguments, *options]) == 0
        assert f"{output}: {said}" in (printed := capsys.readouterr().out) or f"{said} {output}" in printed
    # A wrong one is one clear error.
    config = tmp_path / "augment.yaml"
    arguments = ["--data_dir", str(tone_set(1)), "--output_dir", str(tmp_path / "aug"), "--config", str(config)]
    for text, message in (("effects: {echo: true}\n", "effects: unknown effect 'echo'"), ("{", "not YAML")):
        config.write_text(text)
        assert main_guard(main, arguments) == 2
        printed = capsys.readouterr().err
        assert (printed.startswith(f"error: {config}: {message}"), printed.count("\n")) == (True, 1)
