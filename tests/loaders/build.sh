#!/bin/sh
# Builds tests/loaders/replace.bpf.o with Debian 12's clang-14.
set -eu
cd "$(dirname "$0")"
clang-14 -target bpfel -mcpu=v3 -O2 -g -Wall -Werror -fdebug-compilation-dir=. \
	-fdebug-prefix-map=/usr/include=include -fmacro-prefix-map=/usr/include=include \
	-idirafter "/usr/include/$(uname -m)-linux-gnu" -c replace.bpf.c -o replace.bpf.o
llvm-strip-14 -g replace.bpf.o
