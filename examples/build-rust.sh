#!/bin/sh
# Builds aya_agent.bpf.o: examples/build-rust.sh [OUTDIR]
#
# Needs a nightly rustc with rust-src, bpf-linker (0.10.3 made the committed object, with the
# LLVM of rustc 1.97) and llvm-strip (STRIP, llvm-strip-19). PLAIN=1 leaves out the types, and
# makes what is committed as ../tests/objects/aya-plain.o.
set -eu
cd "$(dirname "$0")"
out=$(realpath "${1:-.}")
cd aya_agent
# No path of the machine gets into the object.
flags="-C debuginfo=2 --remap-path-prefix=$(pwd)=."
flags="$flags --remap-path-prefix=$(rustc +nightly --print sysroot)=rust"
for registry in "${CARGO_HOME:-$HOME/.cargo}"/registry/src/*; do
	flags="$flags --remap-path-prefix=$registry=crates"
done
[ "${PLAIN:-0}" = 1 ] || flags="$flags -C link-arg=--btf"
RUSTFLAGS=$flags cargo +nightly build --release --target-dir target
"${STRIP:-llvm-strip-19}" -g target/bpfel-unknown-none/release/aya_agent -o "$out/aya_agent.bpf.o"
rm -r target
