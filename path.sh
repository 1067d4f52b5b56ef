# shellcheck shell=bash
# Sourced by every script: the environment's Python, and this clone's package.
ATAT_ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
export ATAT_ROOT
export ATAT_VENV=${ATAT_VENV:-$ATAT_ROOT/.venv}
export PATH=$ATAT_VENV/bin:$ATAT_ROOT/utils:$PATH
export PYTHONPATH=$ATAT_ROOT${PYTHONPATH:+:$PYTHONPATH}
# Ids are sorted in C order everywhere; text is UTF-8 everywhere.
export LC_ALL=C PYTHONUTF8=1
# Everything that is needed lies on the disk: no library is to ask a hub first.
export TOKENIZERS_PARALLELISM=false
