# shellcheck shell=bash
# Sourced by every script: the environment's Python, and this clone's package.
ATAT_ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
export ATAT_ROOT
export ATAT_VENV=${ATAT_VENV:-$ATAT_ROOT/.venv}
# ATAT_VENV=none takes the Python on the path as it is (a module of a cluster, a conda environment).
if [ "$ATAT_VENV" != none ]; then PATH=$ATAT_VENV/bin:$PATH; fi
export PATH=$ATAT_ROOT/utils:$PATH
export PYTHONPATH=$ATAT_ROOT${PYTHONPATH:+:$PYTHONPATH}
# Ids are sorted in C order everywhere; text is UTF-8 everywhere.
export LC_ALL=C PYTHONUTF8=1
# Progress is seen when it is made, also through a pipe; no warning about processes forked after tokenizing.
export PYTHONUNBUFFERED=1 TOKENIZERS_PARALLELISM=false
