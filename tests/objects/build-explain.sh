#!/bin/sh
# Builds the objects of the explain test from explain.c with three compilers.
set -eu
cd "$(dirname "$0")"
for version in 14 19 22; do
	"clang-$version" -target bpfel -O2 -g -mcpu=v3 -fdebug-prefix-map="$PWD=." \
		-idirafter "/usr/include/$(uname -m)-linux-gnu" \
		-c explain.c -o "explain-clang$version.o"
	llvm-strip --strip-debug "explain-clang$version.o"
done
