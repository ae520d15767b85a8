#!/bin/sh
# Builds the objects of the values test from values.c.
# usage: build-values.sh [CLANG]
set -eu
cd "$(dirname "$0")"
clang=${1:-clang-19}
for order in el eb; do
	"$clang" --target=bpf$order -O2 -g -mcpu=v3 -fdebug-prefix-map="$PWD=." \
		-c values.c -o values.$order.o
	llvm-strip --strip-debug values.$order.o
done
