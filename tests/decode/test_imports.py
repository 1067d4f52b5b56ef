"""What decoding imports and prints, in a process of its own."""

import torch
import yaml
from espnet2.lm.seq_rnn_lm import SequentialRNNLM

from tests.shell import run_script
from tests.toy_commands import TREES
from tests.toy_package import write_command

#: Nothing of training, and nothing of the text encoder, which speech does not need.
UNWANTED = (
    "espnet2.tasks", "espnet2.train.trainer", "espnet_atat.tasks", "espnet_atat.train", "torch._dynamo", "transformers",
    "matplotlib", "librosa",
)  # fmt: skip
SCRIPT = """
import sys
from espnet_atat.decode.understand import Speech2Understand
print(Speech2Understand.from_pretrained(sys.argv[1])(sys.argv[2]).tree)
print(*sorted(name for name in sys.modules if name.startswith(tuple(sys.argv[3:]))))
"""
LANGUAGE_MODEL = """
import sys
import torch
from espnet_atat.decode.lm_fusion import LanguageModel
from espnet_atat.text.vocabulary import Vocabulary
loaded = LanguageModel.load(Vocabulary.build(["]", "[IN:A"], ["x"]), None, "lm.pth").network.state_dict()
print(all(torch.equal(tensor, loaded[name.removeprefix("lm.")]) for name, tensor in torch.load("lm.pth").items()))
print(*sorted(name for name in sys.modules if name.startswith(tuple(sys.argv[1:]))))
"""


def test_speech_is_understood_without_tasks_trainer_compiler_and_transformers(toy_package, tmp_path):
    recording = write_command(tmp_path / "play.wav")
    done = run_script(SCRIPT, toy_package, recording, *UNWANTED, cwd=tmp_path)
    assert done.stdout.splitlines() == [TREES[0], ""]
    assert done.stderr == "", "ESPnet's line about Flash Attention, or another"


def test_a_language_model_is_read_without_its_task(tmp_path):
    tokens, conf = ["<blank>", "<unk>", "[IN:A", "]", "x", "<sos/eos>"], {"unit": 8, "nlayers": 1}
    (tmp_path / "config.yaml").write_text(yaml.safe_dump({"lm": "seq_rnn", "lm_conf": conf, "token_list": tokens}))
    state = SequentialRNNLM(len(tokens), **conf).state_dict()
    torch.save({f"lm.{name}": tensor for name, tensor in state.items()}, tmp_path / "lm.pth")
    done = run_script(LANGUAGE_MODEL, *UNWANTED, cwd=tmp_path)
    assert done.stdout.splitlines() == ["True", ""]
