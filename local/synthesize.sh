# shellcheck shell=bash disable=SC2154  # the variables are those of run.sh, which sources this
# Stage 3, sourced by run.sh: <set>_<engine>, the texts and targets of a set with synthetic speech.
# The recipe may set synthesize_sets and tts_engine, or --synthesize_sets and --tts_engine do; and synthesis_options, such
# as (--voices rms,slt).

# A table that has rows with synthetic speech names their sets, such as `synthesize_sets: [books_train, books_dev]`.
if [ -z "$synthesize_sets" ] && [ -n "$table" ]; then
    table_file=egs2/atat/$recipe/tables/$table.yaml
    if [[ $table =~ ^[0-9]+$ ]]; then table_file=egs2/atat/$recipe/tables/table$table.yaml; fi
    synthesize_sets=$(sed -n 's/^synthesize_sets: \[\(.*\)\]$/\1/p' "$table_file")
fi
read -ra to_synthesize <<<"${synthesize_sets//,/ }"
[ "${#to_synthesize[@]}" -gt 0 ] || echo "stage 3: no set is synthesised; --synthesize_sets names some"
for set in "${to_synthesize[@]}"; do
    data=data/$recipe/$set
    output=${data}_$tts_engine
    if [ ! -d "$data" ] && [ -d "data/$recipe" ]; then
        fail "stage 3: $data was not prepared; there are $(find "data/$recipe" -mindepth 1 -maxdepth 1 -type d \
            -exec basename {} \; | sort | xargs)"
    fi
    mapfile -t files < <(data_files "$data")
    step 3 "synthesize_${set}_$tts_engine" "$output" "$steps/$(made_by "$set")" "${files[@]}" -- \
        python -m espnet_atat.bin.synthesize --engine "$tts_engine" --text "$data" --output_dir "$output" \
        "${synthesis_options[@]}" -- --nj "$nj"
done
