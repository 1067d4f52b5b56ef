#!/usr/bin/env bash
# Data dirs of LibriSpeech: local/data.sh <source> <data_dir> [options of prepare librispeech], from the repository's
# root. A <source> that is empty, or below downloads/ and absent, is fetched: the splits of LIBRISPEECH_SPLITS
# (default: all seven, 60 GB).
set -euo pipefail

source=${1:-downloads/LibriSpeech}
data_dir=${2:?usage: local/data.sh <source> <data_dir> [options]}
shift 2
python=${python:-python}

# MD5 sums as published beside the archives.
declare -A md5=(
    [dev-clean]=42e2234ba48799c1f50f24a7926300a1
    [dev-other]=c8d0bcc9cca99d4f8b62fcc847357931
    [test-clean]=32fa31d27d2e1cad72775fee3f4849a9
    [test-other]=fb5a50374b501bb3bac4815ee91d3135
    [train-clean-100]=2a93770f6d5c6c964bc36631d331a522
    [train-clean-360]=c0e676e450a7ff2f54aeade5171606fa
    [train-other-500]=d1a0fd59409feb2c614ce4d30c387708
)
splits=${LIBRISPEECH_SPLITS:-train-clean-100 train-clean-360 train-other-500 dev-clean dev-other test-clean test-other}

if [[ "${source}" == downloads/* && ! -d "${source}/LibriSpeech" ]]; then
    for split in ${splits}; do
        if [ -z "${md5[${split}]-}" ]; then
            echo "error: LIBRISPEECH_SPLITS: no split '${split}'; there are ${!md5[*]}" >&2
            exit 2
        fi
        [ -d "${source}/${split}" ] && continue
        mkdir -p "${source}"
        echo "${splits}" >"${source}/.fetching" # for a call that goes on where this one is stopped
        unpacked=${source}/.unpacked-${split}
        "${python}" -m espnet_atat.bin.fetch \
            --url "${LIBRISPEECH_URL:-https://www.openslr.org/resources/12}/${split}.tar.gz" \
            --checksum "md5:${md5[${split}]}" --output_dir "${unpacked}"
        cp "${unpacked}/LibriSpeech/SPEAKERS.TXT" "${source}/"
        mv "${unpacked}/LibriSpeech/${split}" "${source}/${split}"
        rm -r "${unpacked}"
    done
    rm -f "${source}/.fetching"
fi
"${python}" -m espnet_atat.bin.prepare librispeech "${source}" "${data_dir}" --replace "$@"
