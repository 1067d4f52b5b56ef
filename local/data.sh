# shellcheck shell=bash
# Stage 1, sourced by run.sh: the raw corpus → data/<recipe>/<set>/, then a check of every set.
# The recipe sets corpus_source and may set corpus_name and prepare_options.

[ -e "$corpus_source" ] ||
    fail "$corpus_source: no such folder. Say where the corpus lies in db.sh, or by $(tr '[:lower:]' '[:upper:]' <<<"$corpus_name")=/path"
# Names, sizes and dates of the corpus's files stand for their content.
if $allow_bad_test; then prepare_options+=(--allow_bad_test); fi
listing=$steps/corpus.listing
ls -lRn "$corpus_source" >"$listing"
step 1 prepare "data/$recipe" "$listing" -- \
    python -m espnet_atat.bin.prepare "$corpus_name" "$corpus_source" "data/$recipe" "${prepare_options[@]}" -- --nj "$nj"
# Preparation has read all audio; this is about the files, and about sets that a user adds or edits.
step 1 validate "data/$recipe" "$steps/prepare" -- \
    python -m espnet_atat.bin.validate "data/$recipe" --audio none
