#!/bin/sh
# Builds the objects of this directory. Those from mini.c are what different writers of ELF
# files lay out: three compilers, llvm-strip, libbpf's linker, both byte orders.
set -eu
cd "$(dirname "$0")"
base="-O2 -g -Wall -fdebug-compilation-dir=."
uapi="-idirafter /usr/include/$(uname -m)-linux-gnu"
clang-14 $base -target bpfel -mcpu=v2 -c mini.c -o mini-clang14.o
clang-19 $base -target bpfel -mcpu=v3 -c mini.c -o mini-clang19.o
clang-19 $base -target bpfeb -mcpu=v3 -c mini.c -o mini-clang19-be.o
llvm-strip-19 -g mini-clang19.o -o mini-stripped.o
bpftool gen object mini-linked.o mini-clang19.o
bpf-gcc -O2 -Wall -c mini.c -o mini-gcc.o
clang-19 $base -target bpfel -mcpu=v3 -c places.c -o places.o
clang-19 $base -target bpfeb -mcpu=v3 -c places.c -o places-be.o
clang-19 $base -target bpfel -mcpu=v3 -c sealing.c -o sealing.o
clang-19 $base -target bpfel -mcpu=v3 -c prune.c -o prune.o
clang-19 $base -target bpfel -mcpu=v3 -DUNTAGGED -c prune.c -o prune-untagged.o
clang-19 $base -target bpfel -mcpu=v2 -c prune-legacy.c -o prune-legacy.o
for order in el eb; do
	clang-19 $base -target bpf$order -mcpu=v3 -c constants.c -o constants-$order.o
done
clang-19 $base -target bpfel -mcpu=v3 -c recursive.c -o recursive.o
clang-14 $base -target bpfel -mcpu=v1 $uapi -c displacement.c -o displacement-v1.o
clang-22 $base -target bpfel -mcpu=v4 $uapi -c displacement.c -o displacement-v4.o
clang-22 $base -target bpfeb -mcpu=v3 $uapi -c displacement.c -o displacement-be.o
tables="-mllvm -bpf-min-jump-table-entries=4"
clang-22 $base -target bpfel -mcpu=v4 $tables $uapi -c jump_tables.c -o jump_tables.o
clang-22 $base -target bpfeb -mcpu=v4 $tables $uapi -c jump_tables.c -o jump_tables-be.o
clang-19 $base -target bpfel -mcpu=v3 -c reasons.c -o reasons.o
for version in 14 19; do
	clang-$version $base -target bpfel -mcpu=v3 -c effects.c -o effects-clang$version.o
	clang-$version $base -target bpfel -mcpu=v3 -DOUTSIDE -c effects.c -o outside-clang$version.o
done
clang-14 $base -target bpfel -mcpu=v3 -c tables.c -o tables.o
clang-19 $base -target bpfel -mcpu=v3 -c two-rodata.c -o two-rodata.o
clang-19 $base -target bpfel -mcpu=v3 -c shared-maps.c -o shared-maps.o
clang-19 $base -target bpfel -mcpu=v3 -c helper-exists.c -o helper-exists.o
llvm-strip-14 -g tables.o two-rodata.o shared-maps.o helper-exists.o
clang-14 $base -target bpfel -mcpu=v3 -c static-programs.c -o static-programs.o
clang-14 $base -target bpfel -mcpu=v3 -DPLAIN -c static-programs.c -o static-programs-plain.o
llvm-strip-14 -g static-programs.o static-programs-plain.o
clang-14 $base -target bpfel -mcpu=v3 -c core.c -o core.o
clang-14 $base -target bpfeb -mcpu=v3 -c core.c -o core-be.o
clang-14 $base -target bpfel -c core-target.c -o core-target-old.o
clang-14 $base -target bpfel -DNEW -c core-target.c -o core-target-new.o
clang-14 $base -target bpfeb -DNEW -c core-target.c -o core-target-be.o
clang-14 $base -target bpfel -DAMBIGUOUS -c core-target.c -o core-target-two.o
clang-19 $base -target bpfel -mcpu=v3 -c core-new.c -o core-new.o
clang-19 $base -target bpfel -mcpu=v3 -DTARGET -c core-new.c -o core-new-target.o
clang-19 $base -target bpfel -mcpu=v3 -c core-module.c -o core-module.o
llvm-strip-19 -g core-new.o core-new-target.o core-module.o
# What libbpf makes of the records; ../core/relocate.c says how it is built.
if command -v relocate; then
	for target in old new two; do
		relocate core.o core-target-$target.o | grep -v '^end' >core-target-$target.libbpf
	done
	relocate core-new.o core-new-target.o | grep -v '^end' >core-new-target.libbpf
	relocate core-module.o core-module.btf core-module-veth.btf |
		grep -v '^end' >core-module.libbpf
fi
# aya-plain.o: PLAIN=1 ../../examples/build-rust.sh
