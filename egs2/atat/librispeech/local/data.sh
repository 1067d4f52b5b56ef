#!/usr/bin/env bash
# Data dirs of LibriSpeech: local/data.sh <source> <data_dir> [options of prepare librispeech], from the repository's
# root. If <source> is empty or below downloads/, the splits of LIBRISPEECH_SPLITS are added to those that exist
# (default, if there is none: all seven, 60 GB).
# shellcheck source=utils/corpus.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../../../utils/corpus.sh" librispeech "downloads/LibriSpeech" "$@"
# shellcheck source=egs2/atat/librispeech/local/splits.sh
. "$(dirname "${BASH_SOURCE[0]}")/splits.sh"

if is_fetched "${source}"; then
    splits=$(wanted_splits "${source}")
    for split in ${splits}; do
        if [ -z "${md5[${split}]-}" ]; then
            echo "error: LIBRISPEECH_SPLITS: no split '${split}'; there are ${!md5[*]}" >&2
            exit 2
        fi
    done
    for split in ${splits}; do
        [ -d "${source}/${split}" ] && continue
        mkdir -p "${source}"
        echo "${splits}" >"${source}/.fetching" # for a call that goes on where this one is stopped
        unpacked=${source}/.unpacked-${split}
        "${python}" -m espnet_atat.bin.prepare fetch \
            --url "${LIBRISPEECH_URL:-https://www.openslr.org/resources/12}/${split}.tar.gz" \
            --checksum "md5:${md5[${split}]}" --output_dir "${unpacked}"
        cp "${unpacked}/LibriSpeech/SPEAKERS.TXT" "${source}/"
        mv "${unpacked}/LibriSpeech/${split}" "${source}/${split}"
        rm -r "${unpacked}"
    done
    rm -f "${source}/.fetching"
fi
prepare
