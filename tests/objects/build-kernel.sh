#!/bin/sh
# Builds the objects of the test of kernel facts from kernel.c, with libbpf's and the kernel's
# headers in HEADERS.
set -eu
cd "$(dirname "$0")"
headers=${HEADERS:-/usr/include/$(uname -m)-linux-gnu}
for order in el eb; do
	clang-14 -target bpf$order -mcpu=v3 -O2 -g -Wall -fdebug-compilation-dir=. \
		-Wno-unused-but-set-variable -fdebug-prefix-map=/usr/include=include \
		-idirafter "$headers" -c kernel.c -o kernel.$order.o
	llvm-strip-14 -g kernel.$order.o
done
