# shellcheck shell=bash disable=SC2154  # the variables are those of run.sh, which sources this
# Stage 16, sourced by run.sh: a package to a repository of the hub (--hf_repo) or to a folder (--upload_dir).

if [ -z "$hf_repo$upload_dir" ]; then
    echo "stage 16: neither --hf_repo nor --upload_dir is given: nothing is uploaded"
else
    mapfile -t packages < <(compgen -G "exp/$recipe/packages/${recipe}_${system}_seed${seeds:-*}${fold:+_fold$fold}.zip" | sort)
    if [ "${#packages[@]}" -ne 1 ]; then
        $dry_run || fail "stage 16 uploads one package; of $system there are ${#packages[@]}: ${packages[*]:-run stage 15}"
        echo "stage 16: to be done, after stage 15"
    else
        upload_options=(--hf_repo "$hf_repo")
        if [ -n "$upload_dir" ]; then upload_options=(--folder "$upload_dir"); fi
        if $dry_run; then upload_options+=(--dry_run); fi
        echo "stage 16: ${packages[0]}:"
        "${with_driver[@]}" python -m espnet_atat.bin.upload "${packages[0]}" "${upload_options[@]}" | sed 's/^/  /'
    fi
fi
