# shellcheck shell=bash disable=SC2154  # the variables are those of run.sh, which sources this
# Stage 5, sourced by run.sh: <set>_mlm, the set with 15 % of its words masked in the audio.
# The recipe sets mlm_sets and may set mask_options.

[ "${#mlm_sets[@]}" -gt 0 ] || echo "stage 5: this recipe masks no set"
for set in "${mlm_sets[@]}"; do
    if [ ! -d "data/$recipe/$set" ] && [ -d "data/$recipe" ]; then
        echo "stage 5: data/$recipe/$set was not prepared: left out"
        continue
    fi
    mapfile -t files < <(set_inputs "$set")
    step 5 "mask_$set" "data/$recipe/${set}_mlm" "${files[@]}" "exp/$recipe/alignments/$set.jsonl" -- \
        python -m espnet_atat.bin.mask --data_dir "data/$recipe/$set" \
        --alignments "exp/$recipe/alignments/$set.jsonl" --output_dir "data/$recipe/${set}_mlm" \
        "${mask_options[@]}" -- --nj "$nj"
done
