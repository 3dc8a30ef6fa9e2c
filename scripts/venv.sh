# Sourced by the scripts beside this file, from the top of the repository: puts .venv on PATH and offers
#   need ARGUMENT...   pip install ARGUMENT..., once for each state of the files that say what is needed
#   wheel              build this checkout as a wheel and install that, so that what runs is what would be released
#   pure COMMAND...    run a command with the wheel that a machine without a C compiler would build
#   debian PACKAGE     true if the Debian package is there; root installs it, anyone else is told the remedy

debian() {
    dpkg -s "$1" >/dev/null 2>&1 && return
    command -v apt-get >/dev/null && [ "$(id -u)" = 0 ] || { echo "$0: no $1 here; remedy: sudo apt-get install $1" >&2; return 1; }
    echo "$0: installing the Debian package $1" >&2
    { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$1"; } >/dev/null
}

need() {
    stamp=.venv/.has-$(cat pyproject.toml examples/site/requirements.txt | cksum | cut -d' ' -f1)
    for item in "$@"; do stamp=$stamp-${item##*/}; done
    [ -e "$stamp" ] || { pip install -q --disable-pip-version-check "$@" && touch "$stamp"; }
}

wheel() {
    rm -rf build/wheel
    pip wheel -q --disable-pip-version-check --no-deps -w build/wheel . &&
        pip install -q --disable-pip-version-check --no-deps --force-reinstall build/wheel/*.whl
}

pure() {
    rm -rf build/pure
    TONNAGE_PURE=1 pip wheel -q --disable-pip-version-check --no-deps -w build/pure . &&
        pip install -q --disable-pip-version-check --no-deps --target build/pure/site-packages build/pure/*.whl &&
        PYTHONPATH=build/pure/site-packages "$@"
}

python=${PYTHON:-python3}
if ! command -v "$python" >/dev/null; then debian python3 || exit 1; fi
if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
    echo "$0: Tonnage needs Python 3.11 or later; $("$python" --version) is what \`$python\` starts. Name another one: PYTHON=python3.13 $0" >&2
    exit 1
fi
if ! .venv/bin/python -c 'import pip' 2>/dev/null; then
    "$python" -c 'import ensurepip' 2>/dev/null || debian python3-venv || exit 1
    echo "$0: making a virtual environment in .venv" >&2
    "$python" -m venv --clear .venv && .venv/bin/pip install -q --disable-pip-version-check 'pip>=25.1' || exit 1
fi
PATH=$PWD/.venv/bin:$PATH
