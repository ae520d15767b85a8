#!/bin/sh
# Builds the objects of this directory. Those from mini.c are what different writers of ELF
# files lay out: three compilers, llvm-strip, libbpf's linker, both byte orders.
set -eu
cd "$(dirname "$0")"
base="-O2 -g -Wall -fdebug-compilation-dir=."
clang-14 $base -target bpfel -mcpu=v2 -c mini.c -o mini-clang14.o
clang-19 $base -target bpfel -mcpu=v3 -c mini.c -o mini-clang19.o
clang-19 $base -target bpfeb -mcpu=v3 -c mini.c -o mini-clang19-be.o
llvm-strip-19 -g mini-clang19.o -o mini-stripped.o
bpftool gen object mini-linked.o mini-clang19.o
bpf-gcc -O2 -Wall -c mini.c -o mini-gcc.o
clang-19 $base -target bpfel -mcpu=v3 -c places.c -o places.o
clang-19 $base -target bpfeb -mcpu=v3 -c places.c -o places-be.o
clang-19 $base -target bpfel -mcpu=v3 -c sealing.c -o sealing.o
<<<<<<< HEAD
clang-14 $base -target bpfel -mcpu=v3 -c core.c -o core.o
clang-14 $base -target bpfeb -mcpu=v3 -c core.c -o core-be.o
clang-14 $base -target bpfel -c core-target.c -o core-target-old.o
clang-14 $base -target bpfel -DNEW -c core-target.c -o core-target-new.o
clang-14 $base -target bpfeb -DNEW -c core-target.c -o core-target-be.o
clang-14 $base -target bpfel -DAMBIGUOUS -c core-target.c -o core-target-two.o
# What libbpf makes of the records; ../core/relocate.c says how it is built.
if command -v relocate; then
	for target in old new two; do
		relocate core.o core-target-$target.o | grep -v '^end' >core-target-$target.libbpf
	done
fi
=======
clang-19 $base -target bpfel -mcpu=v3 -c prune.c -o prune.o
clang-19 $base -target bpfel -mcpu=v2 -c prune-legacy.c -o prune-legacy.o
>>>>>>> 1fe56ab (Whole-object liveness: maps in the kernel, kept for a reason; documentation; tests of what no instruction names)
