#!/usr/bin/env bash
# Make the Python environment: .venv at the repository's root, or $ATAT_VENV.
#
#   tools/setup.sh                         first Python >= 3.12 that runs: $PYTHON, python3.12, python3.13, python3, pyenv's …
#   PYTHON=/opt/python3.12/bin/python3 tools/setup.sh
#   ATAT_VENV=/data/venvs/atat tools/setup.sh
#   ATAT_VENV=none tools/setup.sh          nothing is installed: the Python on the path is used as it is
#   tools/setup.sh --check                 exit code 0 if the environment is complete
#   tools/setup.sh --find_python           print only the interpreter that it would use
#   tools/setup.sh --print_key             print only the key of the environment that this clone needs
#
# It installs the dependencies of pyproject.toml in the versions of constraints.txt, then the pretrained speech encoders
# of the default recipe (tools/install_extra.sh ears). This clone itself is not installed: path.sh puts it on PYTHONPATH,
# so several clones may share one environment. A finished environment has a file .complete with its key, and a second
# call returns at once; after an interruption it starts over.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
venv=${ATAT_VENV:-$root/.venv}
extras=(baselines polly augment demo dev)

fail() {
    printf 'error: %s\n' "$*" >&2
    exit 2
}

# The dependencies stand before the first [tool.…] table of pyproject.toml: lint settings change no environment.
environment_key() {
    {
        sed '/^\[tool\./,$d' "$root/pyproject.toml"
        cat "$root/constraints.txt"
        printf '%s\n' "${extras[@]}"
    } | if command -v sha256sum >/dev/null; then sha256sum; else shasum -a 256; fi | cut -c1-16
}

# Say what one interpreter is: "ok PATH VERSION", or why it will not do. It is run, because a name on the path may be a
# shim that fails; and asked for ensurepip, which Debian ships apart.
probe() {
    "$1" -c '
import sys
version = "%d.%d.%d" % sys.version_info[:3]
if sys.version_info < (3, 12):
    print("is Python " + version)
else:
    try:
        import ensurepip, venv
        print("ok " + sys.executable + " " + version)
    except ImportError as error:
        print("is Python " + version + " without the module " + str(error.name) + " (Debian: apt install python3-venv)")
' 2>/dev/null || echo "does not run"
}

find_python() {
    local candidate answer
    local -a candidates=()
    [ -n "${PYTHON:-}" ] && candidates+=("$PYTHON")
    candidates+=(python3.12 python3.13 python3.14 python3 python)
    for candidate in "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.1[2-9]*/bin/python /usr/local/bin/python3.1[2-9] \
        /opt/homebrew/bin/python3.1[2-9] "${CONDA_PREFIX:-/nonexistent}/bin/python"; do
        [ -x "$candidate" ] && candidates+=("$candidate")
    done
    for candidate in "${candidates[@]}"; do
        command -v "$candidate" >/dev/null || continue
        answer=$(probe "$candidate")
        if [ "${answer%% *}" = ok ]; then
            answer=${answer#ok }
            echo "Python ${answer##* } at ${answer% *}" >&2
            echo "${answer% *}"
            return
        fi
        echo "passed over: $candidate $answer" >&2
    done
    fail "no Python 3.12 or newer found. Install one without root by 'uv python install 3.12', 'pyenv install 3.12' or" \
        "'conda create -n py312 python=3.12', with root by 'apt install python3.12 python3.12-venv'; then run" \
        "PYTHON=/path/to/python3.12 tools/setup.sh"
}

# The requirements of pyproject.toml, one per line; the environment's own Python reads them.
requirements() {
    "$venv/bin/python" - "$root/pyproject.toml" "${extras[@]}" <<'PYTHON'
import sys
import tomllib

with open(sys.argv[1], "rb") as handle:
    project = tomllib.load(handle)["project"]
print(*project["dependencies"], sep="\n")
for extra in sys.argv[2:]:
    print(*project["optional-dependencies"][extra], sep="\n")
PYTHON
}

is_complete() {
    [ -f "$venv/.complete" ] && [ "$(cat "$venv/.complete")" = "$key" ] && "$venv/bin/python" -c '' 2>/dev/null
}

key=$(environment_key)
case "${1:-}" in
    "") ;;
    --check) [ "$venv" = none ] || is_complete && exit || exit 1 ;;
    --find_python) find_python && exit ;;
    --print_key) echo "$key" && exit ;;
    -h | --help) sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p;}' "${BASH_SOURCE[0]}" && exit ;;
    *) fail "unknown option $1; known: --check, --find_python, --print_key, --help" ;;
esac

[ "$venv" != none ] || exit 0
is_complete && exit
if [ -e "$venv" ] && [ ! -e "$venv/.complete" ] && [ ! -e "$venv/.incomplete" ] && [ -n "$(ls -A "$venv")" ]; then
    fail "$venv exists and was not made by tools/setup.sh: delete it, or name another place by ATAT_VENV"
fi
mkdir -p "$venv"
if command -v flock >/dev/null; then
    exec 9>"$venv/.lock"
    flock --nonblock 9 || { echo "waiting for another tools/setup.sh that makes $venv" >&2 && flock 9; }
    is_complete && exit
fi

start=$SECONDS
python=$(find_python)
touch "$venv/.incomplete"
find "$venv" -mindepth 1 -maxdepth 1 ! -name .incomplete ! -name .lock -exec rm -rf {} +
echo "Making $venv: about 3 minutes and 7 GB, most of it PyTorch with its CUDA libraries. Log: $venv/setup.log"
unset PYTHONPATH PYTHONHOME
"$python" -m venv "$venv"
requirements >"$venv/requirements.txt"
if ! "$venv/bin/python" -m pip install --disable-pip-version-check --requirement "$venv/requirements.txt" \
    --constraint "$root/constraints.txt" >"$venv/setup.log" 2>&1 </dev/null; then
    tail -n 25 "$venv/setup.log" >&2
    fail "pip could not install the requirements; the whole output is in $venv/setup.log"
fi
"$venv/bin/python" -m pip check --disable-pip-version-check >>"$venv/setup.log" 2>&1 ||
    echo "note: pip check complains; see the end of $venv/setup.log" >&2
printf '%s\n' "$key" >"$venv/.complete.tmp"
mv "$venv/.complete.tmp" "$venv/.complete"
rm "$venv/.incomplete"
# The default recipe starts from an encoder that has heard people: 220 MB.
"$root/tools/install_extra.sh" ears || echo "note: run tools/install_extra.sh ears again; ./run.sh needs it" >&2
echo "Made $venv in $((SECONDS - start)) s"
