# shellcheck shell=bash disable=SC2154  # the variables are those of run.sh, which sources this
# Stage 1, sourced by run.sh: the raw corpus → data/<recipe>/<set>/, by the recipe's own local/data.sh, which also checks
# every set. The recipe sets corpus_source and may set prepare_options.

if $allow_bad_test; then prepare_options+=(--allow_bad_test); fi
listing=$steps/corpus.listing
list_corpus "$corpus_source" >"$listing"
step 1 prepare "data/$recipe" "$listing" -- \
    "egs2/atat/$recipe/local/data.sh" "$corpus_source" "data/$recipe" "${prepare_options[@]}" -- --nj "$nj"
