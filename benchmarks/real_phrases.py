"""Does the path from text to a model that listens understand people who read? Phrases cut out of LibriSpeech.

    . ./path.sh
    python benchmarks/real_phrases.py --librispeech downloads/LibriSpeech --output phrases
    CUSTOM=phrases/commands.csv ./run.sh --recipe custom --table synthetic

The other commands, before and afterwards, are those of real_commands.py, and so are the test sets: ``test``,
``test_room``, ``test_silent`` and ``test_clean``. A phrase is a noun with what stands before it, at most a verb, a
preposition, an article and adjectives ("pick the sweet insipid fruit"); its tree names all but the article. Sentences
to learn from are drawn from the same grammar, whose words were chosen with the transcripts of LibriSpeech's excerpt in
sight. What people say as such a phrase is cut out of their sentences by the aligner, so it begins and ends abruptly,
without the pauses of a command: a hard test.
"""

import argparse
import random
import re
from collections.abc import Iterator
from pathlib import Path

from benchmarks.real_commands import write_domain
from espnet_atat.corpora.builder import Utterance
from espnet_atat.corpora.librispeech import _read_split
from espnet_atat.datadir import Clip
from espnet_atat.errors import UserError
from espnet_atat.semantics.normalise import Normalisation
from espnet_atat.speech.alignment.record import Alignment
from espnet_atat.speech.alignment.sphinx import SphinxAligner


def words_of(text: str) -> list[str]:
    return text.split()


VERBS = words_of(
    "ask bring bury call carry catch caught clean cook cut draw drive drop dropped feel find follow get give have "
    "hear heard help hide hold keep know learn leave lift like look lose make meet miss mowed move need open "
    "paint pick picked plant play pull push put reach read ride sang see seeing sell send show sing smell stand "
    "stop swing take tell throw touch understand visit wait want wash watch water win wish"
)
PREPOSITIONS = words_of(
    "about above across after against along among around at before behind below beside by down for from in into "
    "near of off on over past through to toward under up upon with without"
)
ARTICLES = words_of("the a an his her my our your their this that")
ADJECTIVES = words_of(
    "american best big black blue bright brisk broken brooding brown cherry clean cold cool dark deep dry empty "
    "faint fat fine four fresh full glittering golden good gray great green happy heavy high hot insipid kind "
    "large last late little long loud lovely low narrow neglected new nice noble old open pink plain poor puffy "
    "quick quiet red rich round sad sharp short silent simple small soft strange strong sweet table tall tender "
    "thick thin three tired two warm wet white wide wild winter wise young"
)
NOUNS = words_of(
    "account apple arm baby barn basket bed belly berries bird boat book boys branch branches bread bridge "
    "brother butter candle carl carrots cat chair cherries children church clouds coat coral corn corners country "
    "cousin cow cup day daughter dinner divide dog door dress evening eyes face farm father fellow fence field "
    "fire floor flower forest friend fruit garden gaze girl glass gold grass ground hair hand handful harvest hat "
    "heart hill horse horses hour house jerk kitchen lady lake lamp land lap leaf letter lindens love man marie "
    "men milk moon morning mother mountain mouth name neck night orchard pail paper path people picture pieces "
    "pocket potatoes queen rain rains raindrops ring river road roof room rose roses salt sauce school scythe sea "
    "season sheep ship shoe shower silver sister sky snow soldier song stairs star station stone storm story "
    "street stroke summer sun table teacher things times tree trees trouble turnips uncle valley village voice "
    "wagon wall water way wheat wheel wilderness wind window winter woman wood work world yard year"
)

#: By what the phrase begins with; all others are NAME.
INTENTS = {"action": "DO", "relation": "PLACE"}


def any_of(words: list[str]) -> str:
    return f"(?:{'|'.join(words)})"


PHRASE = re.compile(
    rf"(?:(?P<action>{any_of(VERBS)}) )?(?:(?P<relation>{any_of(PREPOSITIONS)}) )?(?:(?P<article>{any_of(ARTICLES)}) )?"
    rf"(?:(?P<kind>{any_of(ADJECTIVES)}(?: {any_of(ADJECTIVES)}){{0,2}}) )?(?P<thing>{any_of(NOUNS)})"
)


def tree_of(words: str) -> str | None:
    """The tree of a phrase; its intent is what it begins with."""
    if (match := PHRASE.fullmatch(words)) is None or " " not in words:
        return None
    parts = {name: value for name, value in match.groupdict().items() if value}
    intent = INTENTS.get(next(iter(parts)), "NAME")
    said = [value if name == "article" else f"[SL:{name.upper()} {value} ]" for name, value in parts.items()]
    return f"[IN:{intent} {' '.join(said)} ]"


def draw_phrase(rng: random.Random) -> str:
    """A phrase of the grammar."""
    parts = []
    if rng.random() < 0.4:
        parts.append(rng.choice(VERBS))
    if rng.random() < (0.2 if parts else 0.6):
        parts.append(rng.choice(PREPOSITIONS))
    if rng.random() < 0.7:
        parts.append(rng.choice(ARTICLES))
    parts += rng.choices(ADJECTIVES, k=rng.choice((0, 0, 0, 1, 1, 2)))
    return " ".join([*parts, rng.choice(NOUNS)])


def draw_phrases(count: int, seed: int) -> list[str]:
    """``count`` different phrases of two words or more."""
    rng = random.Random(seed)
    found: dict[str, None] = {}
    while len(found) < count:
        if tree_of(phrase := draw_phrase(rng)):
            found.setdefault(phrase)
    return list(found)


def phrases_in(utterance: Utterance, words: Alignment) -> Iterator[Utterance]:
    """The phrases of a sentence, as utterances of their own; each is the longest from its first word on."""
    said, start = [word.word for word in words], 0
    while start < len(said):
        ends = [end for end in range(len(said), start + 1, -1) if tree_of(" ".join(said[start:end]))]
        if ends and all(word.found for word in words[start : ends[0]]):
            part = words[start : ends[0]]
            clip = Clip(str(utterance.audio), part[0].times[0], part[-1].times[1])
            yield Utterance(
                f"{utterance.id}-{start:02d}", " ".join(said[start : ends[0]]), None, str(clip), utterance.speaker
            )
            start = ends[0]
        else:
            start += 1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--librispeech", required=True, type=Path, metavar="DIR", help="the corpus, with the folder of --split")
    add("--split", default="test-clean", help="whose recordings are cut up; default %(default)s")
    add("--output", required=True, type=Path, metavar="DIR", help="folder for commands.csv and recordings")
    add("--sentences", type=int, default=1200, help="of text to learn from; default %(default)s")
    args = parser.parse_args()
    sentences = _read_split(args.librispeech / args.split, Normalisation())
    aligner = SphinxAligner()
    phrases: list[Utterance] = []
    for each in sentences:
        try:
            phrases += phrases_in(each, aligner.align(each.id, str(each.audio), each.text))
        except UserError as error:
            print(f"{each.id}: left out ({error})")
    drawn = draw_phrases(args.sentences + 100, seed=0)
    write_domain(args.output, drawn[: args.sentences], drawn[args.sentences :], phrases, sentences, tree_of)
    speakers = {each.speaker for each in phrases}
    print(f"{len(phrases)} phrases of {len(speakers)} people in {len(sentences)} recordings")


if __name__ == "__main__":
    main()
