# %% [markdown]
# # From a trained model to one for your own commands
#
# A script in cells: run it whole from the repository's root (`python examples/your_data.py`), or open it in an editor
# or in Jupyter (with jupytext) and run it cell by cell.
#
# It wants a packed model (`./run.sh` makes
# `exp/mini/packages/mini_music_ears_seed1.zip`) and a table of your commands, say `lights.csv` with its
# recordings beside it:
#
# ```
# audio,transcript,intent,slots,split
# a.wav,make the kitchen blue,set light,room=kitchen; color=blue,train
# ```
#
# All columns are explained in `egs2/atat/custom/README.md`.

# %%
import csv
import os
import subprocess
from pathlib import Path

MODEL = os.environ.get("ATAT_MODEL", "exp/mini/packages/mini_music_ears_seed1.zip")
TABLE = Path(os.environ.get("CUSTOM", "lights.csv"))
SYSTEM = os.environ.get("ATAT_SYSTEM", "from_mini")  # a row of egs2/atat/custom

# %% [markdown]
# ## Load a model, understand a text

# %%
from espnet_atat.decode.understand import Speech2Understand, Text2Understand  # noqa: E402 (a cell of its own)

understand = Text2Understand.from_pretrained(MODEL)
print(understand("play paper moon").tree)

# %% [markdown]
# ## Understand your own test recordings, which it knows nothing of

# %%
with TABLE.open(encoding="utf-8", newline="") as file:
    tests = [row for row in csv.DictReader(file) if "test" in row["split"]]
recordings = [TABLE.parent / row["audio"] for row in tests]

before = Speech2Understand.from_pretrained(MODEL)(recordings)
for row, result in zip(tests, before, strict=True):
    print(f"{row['transcript']}\n  {result.tree}")

# %% [markdown]
# ## Fine-tune it through the recipe
#
# The recipe `custom` prepares the table, makes features, lets the vocabulary grow by the tags that are new, fine-tunes,
# decodes and scores the test set, and packs the result. What is done already is skipped when it is called again.

# %%
subprocess.run(
    ["./run.sh", "--recipe", "custom", "--system", SYSTEM],
    env={**os.environ, "CUSTOM": str(TABLE.absolute())},
    stdin=subprocess.DEVNULL,
    check=True,
)

# %% [markdown]
# ## Understand them again

# %%
tuned = Path(f"exp/custom/packages/custom_{SYSTEM}_seed1.zip")
after = Speech2Understand.from_pretrained(tuned)(recordings)
for row, result in zip(tests, after, strict=True):
    print(f"{row['transcript']}\n  {result.tree}")
print(f"the new model: {tuned}")
