# shellcheck shell=bash disable=SC2154  # the variables are those of run.sh, which sources this
# Stage 6, sourced by run.sh: every set below data/<recipe> → dump/<recipe>/<set>.

sets=''
if [ -d "data/$recipe" ]; then sets=$(find "data/$recipe" -mindepth 2 -maxdepth 2 -name text -not -path '*/.*' | sort | cut -d / -f 3); fi
if [ -z "$sets" ]; then
    $dry_run || fail "data/$recipe has no sets: run stage 1"
    echo "stage 6: features of every set: to be made, after stage 1"
fi
for set in $sets; do
    mapfile -t files < <(set_inputs "$set")
    step 6 "features_$set" "dump/$recipe/$set" "${files[@]}" -- \
        python -m espnet_atat.bin.features --data_dir "data/$recipe/$set" --output_dir "dump/$recipe/$set" \
        --feats_type "$feats_type" --allow_bad_test "$allow_bad_test" -- --nj "$nj"
done
