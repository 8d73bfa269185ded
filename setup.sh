#!/usr/bin/env bash
# Installs the parts named as arguments into .venv, locked by constraints.txt. `make setup` runs it.
set -euo pipefail
cd "$(dirname "$0")"
python=${PYTHON:-python3}

"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
  || { echo "Python 3.11 or newer is needed; $("$python" --version) was found. Name another one: PYTHON=python3.11 make setup" >&2; exit 1; }

# manim draws with Cairo and Pango, whose Python bindings are compiled here.
./system-packages.sh system-packages.txt

# What a venv without pip has left (python3-venv was missing) is made anew.
.venv/bin/python -m pip --version >/dev/null 2>&1 || "$python" -m venv --clear .venv
echo "Installing Python packages into .venv (a few minutes the first time)"
editable=()
for part in "$@"; do editable+=(-e "$part"); done
.venv/bin/python -m pip install -qq --disable-pip-version-check --upgrade -c constraints.txt pip setuptools wheel
.venv/bin/python -m pip install -qq --disable-pip-version-check -c constraints.txt -r requirements-dev.txt "${editable[@]}"
