#!/bin/sh
# Builds symbols.o: sh build-symbols.sh
set -eu
cd "$(dirname "$0")"
clang-19 -g -O2 -target bpf -mcpu=v3 -I"/usr/include/$(uname -m)-linux-gnu" -fdebug-compilation-dir=. \
	-c symbols.c -o symbols.o
llvm-strip-14 -g symbols.o
