# shellcheck shell=bash disable=SC2154  # the variables are those of run.sh, which sources this
# Stage 4, sourced by run.sh: the time of every word of the sets that stage 5 masks or cuts up.
# The recipe sets mlm_sets, may set splice_sets, and aligner: sphinx (local) or gentle (the paper's).

redo=()
if $force; then redo=(--force); fi
mapfile -t aligned_sets < <(printf '%s\n' "${mlm_sets[@]}" "${splice_sets[@]}" | sed '/^$/d' | sort -u)
[ "${#aligned_sets[@]}" -gt 0 ] || echo "stage 4: this recipe masks no set"
for set in "${aligned_sets[@]}"; do
    if [ ! -d "data/$recipe/$set" ] && [ -d "data/$recipe" ]; then
        echo "stage 4: data/$recipe/$set was not prepared: left out"
        continue
    fi
    data=data/$recipe/$set
    mapfile -t files < <(set_inputs "$set")
    step 4 "align_$set" "exp/$recipe/alignments/$set.jsonl" "${files[@]}" -- \
        python -m espnet_atat.bin.align --aligner "${aligner:-sphinx}" --data_dir "$data" \
        --output "exp/$recipe/alignments/$set.jsonl" -- --nj "$nj" "${redo[@]}"
done
