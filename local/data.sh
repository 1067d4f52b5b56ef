# shellcheck shell=bash disable=SC2154  # the variables are those of run.sh, which sources this
# Stage 1, sourced by run.sh: the raw corpus → data/<recipe>/<set>/, by the recipe's own local/data.sh, which also checks
# every set. The recipe sets corpus_source and may set prepare_options.

if $allow_bad_test; then prepare_options+=(--allow_bad_test); fi
listing=$steps/corpus.listing
list_corpus "$corpus_source" >"$listing"
before=''
if [ -f "data/$recipe/prepared" ]; then before=$(cat "data/$recipe/prepared"); fi
step 1 prepare "data/$recipe" "$listing" -- \
    "egs2/atat/$recipe/local/data.sh" "$corpus_source" "data/$recipe" "${prepare_options[@]}" -- --nj "$nj"
# What was made of a set that the corpus does not give any more goes with it.
for set in $before; do
    if $dry_run || grep -qx "$set" "data/$recipe/prepared"; then continue; fi
    for derived in "$set" "${set}_mlm" "${set}_aug"; do
        if [ "$derived" = "$set" ] || [ -f "$steps/$(made_by "$derived")" ]; then
            echo "stage 1: dump/$recipe/$derived: removed, as there is no $set any more"
            rm -rf "data/$recipe/$derived" "dump/$recipe/$derived" "$steps/features_$derived"
        fi
    done
done
