#!/usr/bin/env bash
# Installs the parts named as arguments into .venv, locked by constraints.txt. `make setup` runs it.
set -euo pipefail
cd "$(dirname "$0")"
python=${PYTHON:-python3}

"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
  || { echo "Python 3.11 or newer is needed; $("$python" --version) was found. Name another one: PYTHON=python3.11 make setup" >&2; exit 1; }

# manim draws with Cairo and Pango, whose Python bindings are compiled here.
if command -v dpkg-query >/dev/null; then
  missing=()
  while read -r package; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || missing+=("$package")
  done < system-packages.txt
  if ((${#missing[@]})); then
    if [[ $(id -u) -eq 0 ]]; then sudo=(); elif sudo -n true 2>/dev/null; then sudo=(sudo -n); else
      echo "These system packages are missing: ${missing[*]}" >&2
      echo "Install them and run make again: sudo apt-get install ${missing[*]}" >&2
      exit 1
    fi
    echo "Installing system packages: ${missing[*]}"
    "${sudo[@]}" apt-get update -qq
    DEBIAN_FRONTEND=noninteractive "${sudo[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
  fi
else
  echo "Not a Debian system: the headers of Cairo and Pango, a C compiler and pkg-config must be there (see system-packages.txt)."
fi

[[ -x .venv/bin/python ]] || "$python" -m venv .venv
echo "Installing Python packages into .venv (a few minutes the first time)"
editable=()
for part in "$@"; do editable+=(-e "$part"); done
.venv/bin/python -m pip install -qq --disable-pip-version-check --upgrade -c constraints.txt pip setuptools wheel
.venv/bin/python -m pip install -qq --disable-pip-version-check -c constraints.txt -r requirements-dev.txt "${editable[@]}"
