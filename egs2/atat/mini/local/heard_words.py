"""Which content words of a domain's sentences a model has heard: with trees, in plain sentences, in the set broad.

    python egs2/atat/mini/local/heard_words.py [CORPUS_DIR] [--data data]

A Markdown table of the test sets of lights, books and chores, with shares of the running words; then the words.
Under trees a word is if the music domain has it: its recordings, the lines that speech with trees is spliced for, and
those that have words of broad in their open slots.
"""

import argparse
from collections import Counter
from pathlib import Path

import check_corpus
import lexicon

DOMAINS = ("lights", "books", "chores")
GROUPS = ("under trees", "else in plain sentences", "else in broad", "never")


def counts_of(text: Path) -> Counter[str]:
    """How often each word stands in a `text` file of Kaldi's."""
    lines = text.read_text(encoding="utf-8").splitlines()
    return Counter(word for line in lines for word in line.split()[1:])


def main() -> None:
    parser = argparse.ArgumentParser(description="Which content words of a domain a model has heard.")
    parser.add_argument("corpus", type=Path, nargs="?", default=check_corpus.CORPUS)
    parser.add_argument("--data", type=Path, default=Path("data"), help="data dirs of stages 1 and 2")
    args = parser.parse_args()
    texts = [args.data / each / "text" for each in ("broad/train", "mini/music_novel")]
    for text, recipe, stage in zip(texts, ("broad", "mini"), (1, 2), strict=True):
        if not text.is_file():
            parser.error(f"{text} is not there: ./run.sh --recipe {recipe} --stop_stage {stage} makes it")
    broad, novel = map(counts_of, texts)

    def count(*names: str) -> Counter[str]:
        return check_corpus.words_of(*(check_corpus.read_set(args.corpus, name) for name in names))

    with_trees, plain = count("music_train", "music_text") + novel, count("sentences_train")
    print(f"| test set | content words | {' | '.join(GROUPS)} |")
    print("| --- | --- | --- | --- | --- | --- |")
    lists = []
    for domain in DOMAINS:
        running = count(f"{domain}_test")
        words = sorted(running.keys() - set(lexicon.FUNCTION_WORDS))
        groups: list[list[str]] = [[], [], [], []]
        for word in words:
            groups[next((n for n, heard in enumerate((with_trees, plain, broad)) if heard[word]), 3)].append(word)
        total = sum(running[word] for word in words)
        cells = [f"{len(group)} ({100 * sum(running[word] for word in group) / total:.0f} %)" for group in groups]
        print(f"| `{domain}_test` | {len(words)} | " + " | ".join(cells) + " |")
        for what, group in zip(GROUPS, groups, strict=True):
            lists.append(f"- {domain}, {what}: {', '.join(group) or 'none'}")
    print("", *lists, sep="\n")


if __name__ == "__main__":
    main()
