# shellcheck shell=bash disable=SC2154  # the variables are those of run.sh, which sources this
# Stage 5, sourced by run.sh: sets spliced from the words of others, which stage 4 has aligned.
# The recipe may set splice_sets, the sets that are cut up, and spliced[<set>], the options of bin.splice for a new set;
# among them --text takes the name of a set, whose lines are said.

splice_dirs=() splice_alignments=() splice_inputs=()
for set in "${splice_sets[@]}"; do
    splice_dirs+=("data/$recipe/$set")
    splice_alignments+=("exp/$recipe/alignments/$set.jsonl")
    mapfile -t files < <(data_files "data/$recipe/$set")
    splice_inputs+=("${files[@]}")
done
for set in "${!spliced[@]}"; do
    read -ra splice_options <<<"${spliced[$set]}"
    splice_texts=()
    for i in "${!splice_options[@]}"; do
        if [ "${splice_options[i]}" = --text ]; then
            splice_options[i + 1]=data/$recipe/${splice_options[i + 1]}
            mapfile -t splice_texts < <(data_files "${splice_options[i + 1]}")
        fi
    done
    step 5 "splice_$set" "data/$recipe/$set" \
        "$steps/prepare" "${splice_inputs[@]}" "${splice_texts[@]}" "${splice_alignments[@]}" -- \
        python -m espnet_atat.bin.splice --data_dir "${splice_dirs[@]}" --alignments "${splice_alignments[@]}" \
        --output_dir "data/$recipe/$set" "${splice_options[@]}"
done
