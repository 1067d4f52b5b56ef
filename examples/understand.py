"""Understand recordings and sentences with a packed model.

    python examples/understand.py exp/mini/packages/mini_music_ears_seed1.zip order.wav "play paper moon"

What is the path of a file is heard; everything else is read.
"""

import sys
from pathlib import Path

from espnet_atat.decode.pretrained import load_pretrained
from espnet_atat.decode.understand import Speech2Understand, Text2Understand

model, *inputs = sys.argv[1:]

# One model in memory, two ways into it. A zip, the folder it was unpacked to, a training run or a hub name will do.
pretrained = load_pretrained(model)
hear = Speech2Understand.from_pretrained(pretrained, nbest=2)
read = Text2Understand.from_pretrained(pretrained)

for item in inputs:
    if not Path(item).is_file():
        result = read(item)
        print(f"{item}\n  {result.tree}")
        continue
    # Of a list, hear(…) gives the best result of each; nbest(…) gives the alternatives as well.
    (alternatives,) = hear.nbest([item])
    best = alternatives[0]
    print(f"{item}\n  {best.tree or '(nothing was heard)'}  confidence {best.confidence:.2f}")
    if best.frame is not None:
        print(f"  intent {best.frame.intent}")
        for slot in best.frame.slots:
            print(f"    {slot.name}: {slot.value}")
    for word in best.words:
        print(f"  {word.start:6.2f} s to {word.end:5.2f} s  {word.text}")
    for other in alternatives[1:]:
        print(f"  or, {best.score - other.score:.2f} nats behind: {other.tree}")
