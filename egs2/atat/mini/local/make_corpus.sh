#!/usr/bin/env bash
# Make the corpus of mini: texts from the grammar and its seeds, then the speech. Users of mini do not need this, because
# the corpus is committed. After a change of the grammar, delete corpus/audio first and give the new corpus another name.
#
#   egs2/atat/mini/local/make_corpus.sh [--nj 2] [--text_only]
#
# Speech needs `tools/install_extra.sh tts` and, on two cores, about 40 minutes. The script goes on where it was stopped.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../../../.." && pwd)
venv=${ATAT_VENV:-$root/.venv}
models=${ATAT_MODELS:-$venv/models}
corpus=$here/../corpus
nj=2
text_only=false

while [ $# -gt 0 ]; do
    case $1 in
        --nj) nj=${2:?--nj needs a number} && shift 2 ;;
        --text_only) text_only=true && shift ;;
        *)
            echo "error: unknown option '$1'; there are --nj N and --text_only" >&2
            exit 2
            ;;
    esac
done

export OMP_NUM_THREADS=1
"$venv/bin/python" "$here/make_text.py" "$corpus"
wc -l "$corpus"/*.tsv
if "$text_only"; then
    exec "$venv/bin/python" "$here/check_corpus.py" "$corpus" --no_audio
fi
nice -n 5 "$venv/bin/python" "$here/make_speech.py" "$corpus" "$models/kokoro" --nj "$nj"
exec "$venv/bin/python" "$here/check_corpus.py" "$corpus"
