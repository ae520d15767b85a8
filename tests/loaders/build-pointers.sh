#!/bin/sh
# Builds pointers.bpf.c for tests/pointers.rs into the directory $1: by each compiler for one
# level and cpu, or with ALL=1 for every one.
set -eu
out=$1
cd "$(dirname "$0")"
mkdir -p "$out"
wanted="clang-14:O2:v1 clang-19:O1:v3 clang-22:Os:v4"
if [ -n "${ALL:-}" ]; then
	wanted=
	for compiler in clang-14 clang-19 clang-22; do
		for level in O1 O2 Os; do
			wanted="$wanted $compiler:$level:v1 $compiler:$level:v2 $compiler:$level:v3"
			# Clang 14 has no v4.
			[ $compiler = clang-14 ] || wanted="$wanted $compiler:$level:v4"
		done
	done
fi
for one in $wanted; do
	compiler=${one%%:*} cpu=${one##*:}
	level=${one#*:}
	level=${level%:*}
	command -v "$compiler" >/dev/null || continue
	"$compiler" -target bpfel -mcpu="$cpu" "-$level" -g -Wall -Werror \
		-idirafter "/usr/include/$(uname -m)-linux-gnu" \
		-c pointers.bpf.c -o "$out/$compiler-$level-$cpu.o"
done
