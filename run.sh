#!/usr/bin/env bash
# From a corpus to tables of scores, in numbered stages; `./run.sh --help` lists them and all options.
# A recipe's data and systems are defined in egs2/atat/<recipe>. Finished stages are skipped.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

case " $* " in
    *" --help "* | *" -h "*)
        python=$(tools/setup.sh --find_python)
        exec "$python" -m espnet_atat.bin.run --help
        ;;
    *" --dry_run "*)
        if ! tools/setup.sh --check; then
            echo "there is no environment yet: run tools/setup.sh, then the stages can be planned"
            exit
        fi
        ;;
    *) tools/setup.sh ;;
esac
. ./path.sh
. ./cmd.sh

begin=$SECONDS
local/data_stages.sh "$@" # data dirs and features
local/systems.sh "$@"     # training, decoding, scores, tables, packages; then the tables are printed
echo "finished in $((SECONDS - begin)) s"
