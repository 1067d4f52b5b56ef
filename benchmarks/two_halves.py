"""How far apart are the two halves of a model: the same utterance heard, and read?

    python benchmarks/two_halves.py --run exp/runs/RUN --tokens exp/runs/TOKENS --dump_dir dump/ENCODER/mini/books_dev

For a set with audio and trees, each utterance is encoded as audio and as its transcript, and its tree is decoded by
teacher forcing from both. Prints

- states: of each word as heard (mean over its frames, by the CTC's forced alignment) and as read (mean over its
  pieces): the cosine to each other and to other words', how often the nearest word of the other half is the same one,
  and how often a linear probe, trained on half of the utterances, tells from a state which half it is of;
- blocks: the same of the decoder's states behind each block, at every token of the tree;
- attention: the share of the last block's source attention that lies on the word which is being written;
- tokens: how many of them the decoder gets right, words and opening and closing brackets apart;
- search: of the trees that are wrong when heard, how many have every word right, how many lack a label, and how many
  the text half gets right from the words that were heard.
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from espnet_atat.datadir import DataDir
from espnet_atat.decode.pretrained import load_pretrained
from espnet_atat.decode.source import Source
from espnet_atat.decode.times import spell_characters
from espnet_atat.decode.trained import Trained
from espnet_atat.decode.understand import Speech2Understand, Text2Understand
from espnet_atat.semantics.tree import is_tag
from espnet_atat.text.pieces import words_of_pieces
from espnet_atat.text.tokenizer import TargetTokenizer

KINDS = ("word", "opening", "closing", "end")


class Halves:
    """What a model makes of one utterance, heard and read: states (S, D), words' spans over them, decoder blocks."""

    def __init__(self, trained: Trained, speech: np.ndarray, words: str, tokens: Sequence[str], task: str):
        model, vocabulary = trained.model, trained.vocabulary
        assert trained.characters is not None, "a model with a CTC over characters"
        assert model.ctc is not None
        pieces = trained.text_pieces(words)
        heard = model.encode_audio(torch.from_numpy(speech)[None], torch.tensor([len(speech)]))
        read = model.encode_text(torch.tensor([pieces]), torch.tensor([len(pieces)]))
        spelling = spell_characters(words, trained.characters)
        spans = model.ctc.align(heard.states[0], [symbol for symbol, _ in spelling])
        self.spans: list[tuple[slice, slice]] = []  # of each word: frames, pieces
        if spans is not None:
            of_piece = words_of_pieces(trained.text_tokenizer, words, len(pieces), trained.text_pace)
            for word in range(len(words.split())):
                own = [span for (_, number), span in zip(spelling, spans, strict=True) if number == word]
                places = [i for i, number in enumerate(of_piece) if number == word]
                first, last = own[0][0] // model.ctc.subframes, (own[-1][1] - 1) // model.ctc.subframes
                self.spans.append((slice(first, last + 1), slice(places[0], places[-1] + 1)))
        self.states = (heard.states[0], read.states[0])
        ids = vocabulary.ids(tokens)
        inputs = torch.tensor([[vocabulary.task_id(task), *ids]])
        self.targets = [*ids, vocabulary.eos_id]
        self.logits, self.blocks, self.attention = [], [], []
        within = model.audio_pieces(heard)[0], torch.arange(len(pieces))  # what the decoder reads of each state
        for encoded, of_state in zip((model.decoder_source(heard), read), within, strict=True):
            (logits, blocks), _ = model.decoder(
                encoded.states, encoded.lengths, inputs, torch.tensor([inputs.shape[1]]), return_all_hs=True
            )
            self.logits.append(logits[0])
            self.blocks.append([torch.nn.functional.layer_norm(block[0], block.shape[-1:]) for block in blocks])
            attention = model.decoder.decoders[-1].src_attn.attn[0].mean(0) / of_state.bincount()
            self.attention.append(attention[:, of_state])  # (L, S)


def probe(heard: Tensor, read: Tensor, groups: np.ndarray) -> float:
    """How often a linear classifier tells the two, in per cent; 50 is chance. Trained on groups of even numbers."""
    x = torch.nn.functional.layer_norm(torch.cat((heard, read)), heard.shape[-1:])
    y = torch.cat((torch.zeros(len(heard)), torch.ones(len(read))))
    even = torch.from_numpy(np.concatenate((groups, groups)) % 2 == 0)
    weights = torch.zeros(x.shape[1] + 1, requires_grad=True)
    optimizer = torch.optim.LBFGS([weights], max_iter=100)

    def loss() -> Tensor:
        optimizer.zero_grad()
        value = torch.nn.functional.binary_cross_entropy_with_logits(x[even] @ weights[1:] + weights[0], y[even])
        value = value + 1e-3 * weights.square().sum()
        value.backward()
        return value

    optimizer.step(loss)
    with torch.no_grad():
        found = (x[~even] @ weights[1:] + weights[0]) > 0
        return 100 * float((found == (y[~even] > 0)).float().mean())


def compare(heard: Tensor, read: Tensor, groups: np.ndarray, names: Sequence[str] | None = None) -> dict[str, float]:
    """Of states (N, D) of the same things in both halves; ``names``: equal things, no mistake if taken for another."""
    unit = [torch.nn.functional.normalize(x, dim=-1) for x in (heard, read)]
    likeness = unit[0] @ unit[1].T
    own = likeness.diagonal()
    others = (likeness.sum() - own.sum()) / (likeness.numel() - len(own))
    nearest = likeness.argmax(1).tolist()
    same = [i == j or (names is not None and names[i] == names[j]) for i, j in enumerate(nearest)]
    return {
        "cosine": float(own.mean()),
        "cosine_of_others": float(others),
        "nearest_is_the_same": 100 * float(np.mean(same)),
        "probe": probe(heard, read, groups),
    }


def teacher_forced(
    trained: Trained, tokenizer: TargetTokenizer, data: DataDir, source: Source, task: str
) -> dict[str, Any]:
    """States, blocks, attention and tokens of a set."""
    assert data.target is not None
    assert data.text is not None
    words: list[tuple[Tensor, Tensor]] = []
    names: list[str] = []
    of_word: list[int] = []
    blocks: list[list[tuple[Tensor, Tensor]]] = [[] for _ in trained.model.decoder.decoders]
    of_token: list[int] = []
    right: dict[str, list[tuple[bool, bool]]] = {kind: [] for kind in KINDS}
    on_word: list[tuple[float, float]] = []
    for number, uid in enumerate(source.entries):
        tokens = tokenizer.tokens(data.target[uid])
        halves = Halves(trained, np.asarray(source.read(uid), np.float32), data.text[uid], tokens, task)
        for word, (frames, pieces) in zip(data.text[uid].split(), halves.spans, strict=False):
            words.append((halves.states[0][frames].mean(0), halves.states[1][pieces].mean(0)))
            names.append(word)
            of_word.append(number)
        for i, pair in enumerate(zip(*halves.blocks, strict=True)):
            blocks[i] += zip(*pair, strict=True)
        of_token += [number] * len(halves.targets)
        hits = [(logits.argmax(-1) == torch.tensor(halves.targets)).tolist() for logits in halves.logits]
        written = -1
        for place, token in enumerate([*tokens, "<eos>"]):
            kind = "end" if token == "<eos>" else "closing" if token == "]" else "opening" if is_tag(token) else "word"
            right[kind].append((hits[0][place], hits[1][place]))
            written += kind == "word" and token.startswith("▁")
            if kind == "word" and written < len(halves.spans):
                spans = halves.spans[written]
                on_word.append(
                    tuple(float(a[place, span].sum()) for a, span in zip(halves.attention, spans, strict=True))
                )
    return {
        "words": len(words),
        "states": compare(*map(torch.stack, zip(*words, strict=True)), np.array(of_word), names),
        "blocks": [compare(*map(torch.stack, zip(*block, strict=True)), np.array(of_token)) for block in blocks],
        "attention on the word, heard and read": [100 * float(x) for x in np.mean(on_word, axis=0)],
        "tokens right, heard and read": {
            kind: [len(pairs), *(100 * float(x) for x in np.mean(pairs, axis=0))] for kind, pairs in right.items()
        },
    }


def searched(trained: Trained, data: DataDir, source: Source, task: str) -> dict[str, Any]:
    """What the search makes of a set, and where wrong trees are wrong."""
    assert data.target is not None
    assert data.text is not None
    ids = list(source.entries)
    audio = [np.asarray(source.read(uid), np.float32) for uid in ids]
    heard = [found[0] for found in Speech2Understand(trained=trained, task=task, batch_size=16).nbest(audio)]
    reader = Text2Understand(trained=trained, task="nlu", batch_size=16)
    read = [found[0] for found in reader.nbest([data.text[uid] for uid in ids], normalise=False)]
    again = [found[0] for found in reader.nbest([result.text or "?" for result in heard], normalise=False)]
    wrong = [i for i, uid in enumerate(ids) if heard[i].tree != data.target[uid]]
    words = [i for i in wrong if heard[i].text == data.text[ids[i]]]
    labels = [i for i in wrong if heard[i].tree.count("[SL:") < data.target[ids[i]].count("[SL:")]
    return {
        "utterances": len(ids),
        "right, heard": len(ids) - len(wrong),
        "right, read": sum(read[i].tree == data.target[uid] for i, uid in enumerate(ids)),
        "right, heard and its words read again": sum(again[i].tree == data.target[uid] for i, uid in enumerate(ids)),
        "wrong": len(wrong),
        "of these, every word right": len(words),
        "of these, fewer slots than they should": len(labels),
        "of these, right when the words that were heard are read": sum(
            again[i].tree == data.target[ids[i]] for i in wrong
        ),
    }


def get_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--run", required=True, metavar="MODEL", help="training run or package")
    add("--tokens", required=True, type=Path, metavar="DIR", help="its token list, as stage 7 or 11 leaves it")
    add("--dump_dir", required=True, type=Path, metavar="DIR", help="a set with features, transcripts and trees")
    add("--task", default="nlu", help="label to decode with; default %(default)s, as zero-shot")
    add("--json", type=Path, metavar="FILE", help="write the figures there too")
    return parser


def main() -> None:
    args = get_parser().parse_args()
    trained = load_pretrained(args.run).trained
    data, source = DataDir.load(args.dump_dir), Source.of_dump(args.dump_dir, "speech")
    with torch.inference_mode(False), torch.no_grad():
        figures = {"forced": teacher_forced(trained, TargetTokenizer.load(args.tokens), data, source, args.task)}
    figures["search"] = searched(trained, data, source, args.task)
    print(json.dumps(figures, indent=1, ensure_ascii=False))
    if args.json:
        args.json.write_text(json.dumps(figures))


if __name__ == "__main__":
    main()
