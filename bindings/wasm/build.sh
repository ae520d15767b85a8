#!/bin/sh
# Builds bindings/go/bpfold.wasm.gz: bindings/wasm/build.sh [--check]
#
# With --check it builds and compares with the committed file. The bytes depend on the sources, on
# Cargo.lock, and on the version of rustc, which is written beside it; no path of the machine and no
# date gets into them. Without that version or the target, --check exits with 3. The target comes
# with `rustup target add wasm32-unknown-unknown`.
set -eu
cd "$(dirname "$0")/../.."
root=$(pwd -P)
out=bindings/go/bpfold.wasm.gz
made_with=bindings/go/bpfold.wasm.rustc
target=wasm32-unknown-unknown
rustc=$(rustc --version)

if [ "${1:-}" = --check ] && [ "$rustc" != "$(cat "$made_with")" ]; then
	echo "$out is left out: it was made with $(cat "$made_with"), and this is $rustc" >&2
	exit 3
fi
if [ ! -d "$(rustc --print target-libdir --target $target)" ]; then
	echo "$out is left out: the target $target is not installed" >&2
	exit 3
fi

# Places in the messages of panics.
flags="--remap-path-prefix=$root=bpfold"
for registry in "${CARGO_HOME:-$HOME/.cargo}"/registry/src/*; do
	flags="$flags --remap-path-prefix=$registry=crates"
done
flags="$flags --remap-path-prefix=$(rustc --print sysroot)/lib/rustlib/src/rust=rust"
# As large as the stack of a thread of Rust.
flags="$flags -Clink-arg=-zstack-size=2097152"

env -u CARGO_ENCODED_RUSTFLAGS RUSTFLAGS="$flags" \
	CARGO_PROFILE_RELEASE_OPT_LEVEL=s CARGO_PROFILE_RELEASE_LTO=fat \
	CARGO_PROFILE_RELEASE_CODEGEN_UNITS=1 CARGO_PROFILE_RELEASE_STRIP=symbols \
	CARGO_PROFILE_RELEASE_DEBUG=false CARGO_PROFILE_RELEASE_PANIC=abort \
	CARGO_PROFILE_RELEASE_INCREMENTAL=false \
	cargo build --locked --release --package bpfold-wasm --target $target \
	--target-dir target/wasm

built=target/wasm/$target/release/bpfold_wasm.wasm
if [ "${1:-}" = --check ]; then
	# gzip's versions differ in how they compress.
	if ! gzip -dc "$out" | cmp - "$built"; then
		echo "$out is not what the sources make: run bindings/wasm/build.sh" >&2
		exit 1
	fi
	echo "$out is what the sources make"
else
	gzip -9 -n -c "$built" > "$out"
	echo "$rustc" > "$made_with"
	echo "$out: $(wc -c < "$built") bytes, $(wc -c < "$out") compressed"
fi
