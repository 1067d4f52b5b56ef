"""A tiny world for tests of data, model and training: two words' worth of everything, real files on disk."""

from pathlib import Path

import kaldiio
import numpy as np
import sentencepiece
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast

from espnet_atat.data.mixture import parse_mixture, write_mixture
from espnet_atat.datadir import write_two_column
from espnet_atat.semantics.tree import is_tag
from espnet_atat.text.tokenizer import CharTokenizer, target_words
from espnet_atat.text.vocabulary import Vocabulary

MELS = 80
#: (words, tree): short, different, with a nested one.
UTTERANCES = [
    ("play paper moon", "[IN:PLAY play [SL:SONG paper moon ] ]"),
    ("stop", "[IN:STOP stop ]"),
    ("play the rain song now", "[IN:PLAY play [SL:SONG the rain song ] [SL:TIME now ] ]"),
    ("open the book by ann", "[IN:OPEN open [SL:BOOK [IN:FIND the book by [SL:AUTHOR ann ] ] ] ]"),
    ("turn it up", "[IN:VOLUME turn it [SL:DIRECTION up ] ]"),
    ("pause the moon song", "[IN:PAUSE pause [SL:SONG the moon song ] ]"),
    ("ann will play it later", "[IN:PLAY ann will play it [SL:TIME later ] ]"),
    ("rain", "[IN:FIND [SL:SONG rain ] ]"),
]


class Toy:
    """Paths of a tiny dump folder, token list, BPE model, characters and text tokenizer."""

    def __init__(self, folder: Path):
        self.folder, self.dump, self.token_list = folder, folder / "dump", folder / "tokens.txt"
        self.bpemodel, self.characters = folder / "bpe.model", folder / "characters.txt"
        self.text_tokenizer = folder / "text_tokenizer"

    def feats(self, name: str) -> dict[str, np.ndarray]:
        """Features of a set by utterance, (T, 80) each."""
        return dict(kaldiio.load_scp(str(self.dump / "toy" / name / "feats.scp")).items())


def make_toy(folder: Path, copies: int = 1, seed: int = 0) -> Toy:
    """Write sets of all :data:`UTTERANCES`: ``toy/audio``, ``toy/audio_mlm`` and ``toy/words`` (text alone).

    Features are random, but each word has its own pattern, so that a model can learn to hear it. In ``audio_mlm`` the
    second word is silence.
    """
    toy = Toy(folder)
    rng = np.random.default_rng(seed)
    patterns = {word: rng.normal(size=(8, MELS)) for words, _ in UTTERANCES for word in words.split()}
    text, target = {}, {}
    feats: dict[str, dict[str, np.ndarray]] = {"audio": {}, "audio_mlm": {}}
    for copy in range(copies):
        for number, (words, tree) in enumerate(UTTERANCES):
            utt_id = f"spk{copy}-{number:02d}"
            text[utt_id], target[utt_id] = words, tree
            clean = np.concatenate([patterns[word] for word in words.split()])
            feats["audio"][utt_id] = (clean + 0.1 * rng.normal(size=clean.shape)).astype(np.float32)
            feats["audio_mlm"][utt_id] = feats["audio"][utt_id].copy()
            feats["audio_mlm"][utt_id][8:16] = 0.0
    for name in ("audio", "audio_mlm", "words"):
        place = toy.dump / "toy" / name
        place.mkdir(parents=True)
        write_two_column(place / "text", text)
        write_two_column(place / "target", target)
        if name in feats:
            with kaldiio.WriteHelper(f"ark,scp:{place / 'feats.ark'},{place / 'feats.scp'}") as writer:
                for utt_id, matrix in sorted(feats[name].items()):
                    writer(utt_id, matrix)
    _write_vocabulary(toy)
    return toy


def write_toy_mixture(toy: Toy, entries: list[dict], name: str = "mixture") -> Path:
    """Write a mixture of toy sets; returns its folder."""
    output = toy.folder / name
    write_mixture(parse_mixture(entries, "toy"), toy.dump, output)
    return output


def _write_vocabulary(toy: Toy) -> None:
    sentences = [words for words, _ in UTTERANCES]
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(sentences),
        model_prefix=str(toy.bpemodel.with_suffix("")),
        model_type="bpe",
        vocab_size=50,
        hard_vocab_limit=False,
        minloglevel=2,
    )
    processor = sentencepiece.SentencePieceProcessor(model_file=str(toy.bpemodel))
    pieces = [processor.id_to_piece(i) for i in range(processor.vocab_size())][3:]
    tags = {token for _, tree in UTTERANCES for token in tree.split() if is_tag(token)}
    Vocabulary.build(tags, pieces).save(toy.token_list)
    characters = CharTokenizer.build(sentences).characters
    toy.characters.write_text("\n".join(characters) + "\n", encoding="utf-8")
    words = sorted({word for sentence in sentences for word in target_words(sentence)})
    vocabulary = {piece: i for i, piece in enumerate(["[PAD]", "[UNK]", "[CLS]", "[SEP]", *words, "[MASK]"])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    special = {f"{name}_token": f"[{name.upper()}]" for name in ("pad", "unk", "cls", "sep", "mask")}
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, **special).save_pretrained(str(toy.text_tokenizer))
