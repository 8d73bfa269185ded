#!/bin/sh
# Generates the Go of the contract into ./v1. Needs protoc, protoc-gen-go and protoc-gen-go-grpc.
set -eu
cd "$(dirname "$0")"
contract=../../../proto
package=example.com/s2v/v1
set --
for file in "$contract"/s2v/v1/*.proto; do
  name=s2v/v1/$(basename "$file")
  set -- "$@" "--go_opt=M$name=$package" "--go-grpc_opt=M$name=$package"
done
mkdir -p v1
protoc -I "$contract" --go_out=v1 --go-grpc_out=v1 --go_opt=module=$package --go-grpc_opt=module=$package "$@" "$contract"/s2v/v1/*.proto
