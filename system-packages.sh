#!/usr/bin/env bash
# Installs the Debian packages that a file names, one a line, where they are missing and it is allowed. setup.sh and make run it.
set -euo pipefail
list=$1
if ! command -v dpkg-query >/dev/null; then
  echo "Not a Debian system: what $list names must be there."
  exit
fi
missing=()
while read -r package; do
  dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || missing+=("$package")
done < "$list"
((${#missing[@]})) || exit 0
if [[ $(id -u) -eq 0 ]]; then sudo=(); elif sudo -n true 2>/dev/null; then sudo=(sudo -n); else
  echo "These system packages are missing: ${missing[*]}" >&2
  echo "Install them and run make again: sudo apt-get install ${missing[*]}" >&2
  exit 1
fi
echo "Installing system packages: ${missing[*]}"
"${sudo[@]}" apt-get update -qq
DEBIAN_FRONTEND=noninteractive "${sudo[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
