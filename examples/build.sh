#!/bin/sh
# Builds the example objects: examples/build.sh [OUTDIR]
#
# Environment: CLANG (clang-14), STRIP (llvm-strip-14), TARGET (bpfel, or bpfeb for
# big-endian), CPU (v3), HEADERS: where libbpf's and the kernel's headers are found.
# The result depends on the compiler and on the headers' text only: no path of the
# machine and no date gets into the objects. Debian 12's clang-14, libbpf-dev and
# linux-libc-dev made the committed ones.
set -eu
cd "$(dirname "$0")"
out=${1:-.}
clang=${CLANG:-clang-14}
strip=${STRIP:-llvm-strip-14}
headers=${HEADERS:-/usr/include/$(uname -m)-linux-gnu}
mkdir -p "$out"

for source in *.bpf.c; do
	object=$out/${source%.c}.o
	"$clang" -target "${TARGET:-bpfel}" -mcpu="${CPU:-v3}" -O2 -g -Wall -Werror \
		-fdebug-compilation-dir=. -fdebug-prefix-map=/usr/include=include \
		-fmacro-prefix-map=/usr/include=include \
		-idirafter "$headers" -c "$source" -o "$object"
	# As most projects ship their objects: BTF, no DWARF. One keeps it.
	[ "$source" = xdp_filter.bpf.c ] || "$strip" -g "$object"
done
