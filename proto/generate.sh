#!/bin/sh
# Writes the Python of the contract to the folder $1 (default: proto/src). `make proto` runs it; `make proto-check` compares.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
out=${1:-$here/src}
python=${PYTHON:-$here/../.venv/bin/python}
bin=$(dirname "$python")
mkdir -p "$out"
PATH="$bin:$PATH" "$python" -m grpc_tools.protoc -I "$here" \
  --python_out="$out" --grpc_python_out="$out" --mypy_out="quiet:$out" --mypy_grpc_out="quiet:$out" \
  "$here"/s2v/v1/*.proto
# Message-only files have no service: their empty gRPC halves are noise.
for file in "$out"/s2v/v1/*_pb2_grpc.py; do
  case $file in *_service_pb2_grpc.py) ;; *) rm -f "$file" "${file}i" ;; esac
done
