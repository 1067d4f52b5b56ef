# shellcheck shell=bash disable=SC2154  # the variables are those of run.sh, which sources this
# Stage 3, sourced by run.sh: <set>_<engine>, the texts and targets of a set with synthetic speech.
# The recipe may set synthesize_sets and tts_engine, or --synthesize_sets and --tts_engine do; and synthesis_options, such
# as (--voices rms,slt).
# A set may name its engine, as test@flite: it wants one of its own. A test set is left out where there are recordings of it.

# A table that has rows with synthetic speech names their sets, such as `synthesize_sets: [books_train, books_dev]`.
if [ -z "$synthesize_sets" ]; then synthesize_sets=$(named_by_tables synthesize_sets); fi
read -ra to_synthesize <<<"${synthesize_sets//,/ }"
[ "${#to_synthesize[@]}" -gt 0 ] || echo "stage 3: no set is synthesised; --synthesize_sets names some"
said=()
for entry in "${to_synthesize[@]}"; do
    set=${entry%@*} engine=$tts_engine own_options=("${synthesis_options[@]}")
    if [ "$set" != "$entry" ]; then engine=${entry##*@} own_options=(); fi # those options are of the other engine
    if [[ " ${said[*]} " = *" ${set}_$engine "* ]]; then continue; fi # as train and train@pico
    said+=("${set}_$engine")
    data=data/$recipe/$set
    output=${data}_$engine
    if [ ! -d "$data" ] && [ -d "data/$recipe" ]; then
        fail "stage 3: $data was not prepared; there are $(find "data/$recipe" -mindepth 1 -maxdepth 1 -type d \
            -exec basename {} \; | sort | xargs)"
    fi
    if [[ $set = *test* ]] && { [ -f "$data/wav.scp" ] || [ -d "data/$recipe/recorded_$set" ]; }; then
        echo "stage 3: there are recordings of $set: it is not said by $engine"
        continue
    fi
    mapfile -t files < <(set_inputs "$set")
    step 3 "synthesize_${set}_$engine" "$output" "${files[@]}" -- \
        python -m espnet_atat.bin.synthesize --engine "$engine" --text "$data" --output_dir "$output" \
        "${own_options[@]}" -- --nj "$nj"
done
