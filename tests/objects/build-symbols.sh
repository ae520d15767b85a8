#!/bin/sh
# Builds symbols.o and returns.o: sh build-symbols.sh
set -eu
cd "$(dirname "$0")"
for name in symbols returns; do
	clang-19 -g -O2 -target bpf -mcpu=v3 -I"/usr/include/$(uname -m)-linux-gnu" \
		-fdebug-compilation-dir=. -c $name.c -o $name.o
	llvm-strip-14 -g $name.o
done
