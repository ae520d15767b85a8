#!/bin/sh
# Checks formatting and lints, and runs the tests of both crates: ./test.sh
#
# On Debian it first installs what is missing, if it may; elsewhere it names what is missing
# and runs the rest. With CI=true nothing may be missing: tests that compare with a compiler,
# a loader or the kernel then fail where they otherwise say that they were left out.
set -eu
cd "$(dirname "$0")"

# A command that shows that a package is there, and the package.
needs='
cc build-essential
clang-14 clang-14
clang-19 clang-19
llvm-strip-14 llvm-14
bpf-gcc gcc-bpf
bpftool bpftool
go golang-go
pkg-config pkg-config
make make
'
# Packages without commands: a file that shows that it is there, and the package.
needs_files="
/usr/include/bpf/bpf_helpers.h libbpf-dev
/usr/include/libelf.h libelf-dev
/usr/include/zlib.h zlib1g-dev
/usr/include/linux/bpf.h linux-libc-dev
/usr/share/gocode/src/github.com/cilium/ebpf golang-github-cilium-ebpf-dev
/usr/lib/$(uname -m)-linux-gnu/bpf/xdp-dispatcher.o libxdp1
"
# bpftool and its kind are in sbin, which not every user's PATH has.
PATH=$PATH:/usr/sbin:/sbin

missing() {
	echo "$needs" | while read -r command package; do
		[ -z "$command" ] || command -v "$command" > /dev/null || echo "$package"
	done
	echo "$needs_files" | while read -r file package; do
		[ -z "$file" ] || [ -e "$file" ] || echo "$package"
	done
	python3 -c 'import jsonschema' 2> /dev/null || echo python3-jsonschema
}

# Go for bindings/go, whose go.mod says which it needs. From 1.21 on Go fetches a later one itself;
# Debian's releases may have an older one beside it.
recent_go() {
	for go in go /usr/local/go/bin/go /usr/lib/go-1.*/bin/go; do
		if (cd bindings/go && "$go" list -m) > /dev/null 2>&1; then
			echo "$go"
			return
		fi
	done
	return 1
}

as_root() {
	if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi
}

packages=$(missing)
if [ -n "$packages$(recent_go > /dev/null || echo go)" ] && command -v apt-get > /dev/null && as_root true 2> /dev/null; then
	as_root apt-get update -q
	for package in $packages; do
		# Releases differ in what they have.
		as_root env DEBIAN_FRONTEND=noninteractive \
			apt-get install -q -y --no-install-recommends "$package" || true
	done
	packages=$(missing)
	for version in 1.26 1.25 1.24 1.23; do
		if recent_go > /dev/null; then break; fi
		as_root env DEBIAN_FRONTEND=noninteractive \
			apt-get install -q -y --no-install-recommends "golang-$version-go" || true
	done
fi
if ! command -v cargo > /dev/null; then
	echo "cargo is missing: see https://rustup.rs" >&2
	exit 1
fi
go=$(recent_go) || true
if [ -z "$go" ]; then
	packages="$packages Go-1.25-or-later(https://go.dev/dl)"
fi
if ! bpftool prog list > /dev/null 2>&1; then
	packages="$packages the right to call bpf(2)"
fi
if [ -n "$packages" ]; then
	echo "missing:" $packages >&2
	if [ "${CI:-}" = true ]; then exit 1; fi
fi
if [ -n "$go" ]; then
	# For the loader tests with the current cilium/ebpf.
	export BPFOLD_GO="$go"
else
	echo "Go is missing or too old: the tests of bindings/go are left out" >&2
fi

# libbpf is compiled for the packages and the feature that load objects with it.
features=--all-features
without=
if [ ! -e /usr/include/libelf.h ] || [ ! -e /usr/include/zlib.h ]; then
	echo "libbpf cannot be built: all that loads objects with it is left out" >&2
	features=
	without='--exclude bpfold-kernel --exclude bpfold-loaders --exclude xtask
		--exclude bpfold-example-libbpf-rs'
fi

# Scripts that build what is committed run by hand only.
for script in ./*.sh ./*/*.sh ./*/*/*.sh; do
	[ ! -e "$script" ] || sh -n "$script"
done

set -x
cargo fmt --all --check
cargo clippy --workspace $without --all-targets $features -- -D warnings
cargo check --no-default-features
cargo check --all-targets
cargo test --workspace $without $features
if [ -n "$go" ]; then
	# The tests compare with the command that cargo has built.
	export BPFOLD="${CARGO_TARGET_DIR:-$PWD/target}/debug/bpfold"
	(cd bindings/go && test -z "$("$("$go" env GOROOT)/bin/gofmt" -l .)")
	(cd bindings/go && "$go" vet ./...)
	(cd bindings/go && CGO_ENABLED=0 "$go" test -count=1 ./...)
fi
# It is 3 where another rustc made the committed file, or the target is missing.
if [ "${CI:-}" = true ]; then
	bindings/wasm/build.sh --check || test $? = 3
fi
