#!/bin/sh
# Builds the objects of this directory: what loaders and kernels find without an instruction that
# names it.
set -eu
cd "$(dirname "$0")"
flags="-O2 -g -Wall -target bpfel -mcpu=v3 -fdebug-compilation-dir=."
flags="$flags -D__TARGET_ARCH_x86 -idirafter /usr/include/x86_64-linux-gnu"
build() {
	clang-19 $flags -c "$1.c" -o "$1.o"
	llvm-strip-22 -g "$1.o"
}
build hidden
llvm-objcopy-22 --localize-symbol=of_local_symbol hidden.o
clang-19 $flags -DPLAIN -c hidden.c -o hidden-plain.o
llvm-strip-22 -g hidden-plain.o
llvm-objcopy-22 --localize-symbol=of_local_symbol hidden-plain.o
for name in graph exceptions names replaced loops; do build $name; done
build arena
clang-14 $flags -c refused.c -o refused.o
llvm-strip-22 -g refused.o
clang-19 $flags -DVALID -c refused.c -o refused-valid.o
llvm-strip-22 -g refused-valid.o
