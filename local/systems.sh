# shellcheck shell=bash disable=SC2154  # the variables are those of run.sh, which sources this
# Stages 7 to 14, sourced by run.sh: tokens, statistics, training, decoding, scoring, tables.

run_options=(--recipe "$recipe" --stage "$((stage < 7 ? 7 : stage))" --stop_stage "$((stop_stage > 14 ? 14 : stop_stage))")
run_options+=(--nj "$nj" --jobs "$jobs" --ngpu "$ngpu" --num_nodes "$num_nodes" --train_cmd "$train_cmd")
if [ -n "$system" ]; then run_options+=(--system "$system"); else run_options+=(--table "${table:-default}"); fi
if [ -n "$seeds" ]; then run_options+=(--seeds "$seeds"); fi
if [ -n "$fold" ]; then run_options+=(--fold "$fold"); fi
if [ -n "$pretrain_slu" ]; then run_options+=(--pretrain_slu "$pretrain_slu"); fi
if [ -n "$grow_bpe" ]; then run_options+=(--grow_bpe "$grow_bpe"); fi
if [ -n "$cpu_processes" ]; then run_options+=(--cpu_processes "$cpu_processes"); fi
if $keep_results; then run_options+=(--keep_results); fi
if $use_results; then run_options+=(--use_results); fi
if $force; then run_options+=(--force); fi
if $dry_run; then run_options+=(--dry_run); fi
if $decode_dev; then run_options+=(--decode_dev); fi
"${with_driver[@]}" python -m espnet_atat.bin.run_systems "${run_options[@]}"
if [ "$stop_stage" -ge 14 ] && ! $dry_run; then
    if [ -n "$system" ]; then tables=("$system"); fi
    for name in "${tables[@]}"; do
        if [ -n "$fold" ]; then name=${name}_fold$fold; fi
        if $decode_dev; then name=${name}_dev; fi
        # shellcheck disable=SC2034  # run.sh prints them last
        final_tables+=("exp/$recipe/tables/$name.json")
    done
fi
