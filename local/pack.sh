# shellcheck shell=bash disable=SC2154  # the variables are those of run.sh, which sources this
# Stage 15, sourced by run.sh: each system's model with its scores as one file below exp/<recipe>/packages.

pack_options=(--recipe "$recipe")
if [ -n "$system" ]; then pack_options+=(--system "$system"); else pack_options+=(--table "${table:-default}"); fi
if [ -n "$seeds" ]; then pack_options+=(--seeds "$seeds"); fi
if [ -n "$fold" ]; then pack_options+=(--fold "$fold"); fi
if [ -n "$pretrain_slu" ]; then pack_options+=(--pretrain_slu "$pretrain_slu"); fi
if [ -n "$grow_bpe" ]; then pack_options+=(--grow_bpe "$grow_bpe"); fi
if $use_results; then pack_options+=(--use_results); fi
if $force; then pack_options+=(--force); fi
if $dry_run; then pack_options+=(--dry_run); fi
if $dry_run && ! tools/setup.sh --check; then
    echo "stage 15: planned when the environment is there (tools/setup.sh)"
else
    "${with_driver[@]}" python -m espnet_atat.bin.pack "${pack_options[@]}"
fi
