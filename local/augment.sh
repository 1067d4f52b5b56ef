# shellcheck shell=bash disable=SC2154  # the variables are those of run.sh, which sources this
# Stage 2, sourced by run.sh: <set>_aug, a set with augmented copies of its utterances, as conf/augment.yaml says.
# The recipe or the table may set augment_sets, or --augment_sets does; a file of that name in the recipe's conf/ goes
# before. Sets that stage 3 says are augmented right after it: run.sh sources this file there too.
#
#   . local/augment.sh STAGE

augment_config=conf/augment.yaml
if [ -f "egs2/atat/$recipe/$augment_config" ]; then augment_config=egs2/atat/$recipe/$augment_config; fi
if [ -z "$augment_sets" ]; then augment_sets=$(named_by_tables augment_sets); fi
read -ra to_augment <<<"${augment_sets//,/ }"
[ "${#to_augment[@]}" -gt 0 ] || [ "$1" -ne 2 ] || echo "stage 2: no set is augmented; --augment_sets names some"
for set in "${to_augment[@]}"; do
    made_in=2
    if [[ $(made_by "$set") = synthesize_* ]]; then made_in=3; fi
    if [ "$made_in" -ne "$1" ]; then continue; fi
    data=data/$recipe/$set
    # Of a dry run's synthetic speech there is nothing yet.
    if [ ! -d "$data" ] && [ -d "data/$recipe" ] && ! { $dry_run && [ "$1" -eq 3 ]; }; then
        fail "stage $1: $data was not prepared; there are $(find "data/$recipe" -mindepth 1 -maxdepth 1 -type d \
            -exec basename {} \; | sort | xargs)"
    fi
    mapfile -t files < <(set_inputs "$set")
    step "$1" "augment_$set" "data/$recipe/${set}_aug" "$augment_config" "${files[@]}" -- \
        python -m espnet_atat.bin.augment --data_dir "$data" --output_dir "data/$recipe/${set}_aug" \
        --config "$augment_config" -- --nj "$nj"
done
