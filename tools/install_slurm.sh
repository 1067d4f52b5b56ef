#!/usr/bin/env bash
# Install Slurm and MUNGE from Debian's packages, for the tests that start a cluster on this machine (tests/test_slurm.py).
# Nothing else of the project needs it. Wants root and apt-get; says so where one of them is missing.
set -euo pipefail

if command -v slurmctld >/dev/null && command -v slurmd >/dev/null && command -v munged >/dev/null; then
    exit
fi
if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
    echo "error: Slurm is installed by root with apt-get: slurmctld, slurmd, slurm-client and munge" >&2
    exit 2
fi
apt-get update -qq
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends slurmctld slurmd slurm-client munge >/dev/null
