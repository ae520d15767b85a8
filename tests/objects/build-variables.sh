#!/bin/sh
# Builds the objects of the variables test from variables.c.
# usage: build.sh [CLANG]
set -eu
cd "$(dirname "$0")"
clang=${1:-clang-19}
for order in el eb; do
	"$clang" --target=bpf$order -O2 -g -mcpu=v3 -fdebug-prefix-map="$PWD=." \
		-c variables.c -o variables.$order.o
	llvm-strip-19 --strip-debug variables.$order.o
done
