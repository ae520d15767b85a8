#!/bin/sh
# Folds examples/portable.bpf.o for kernels, boots each of them in qemu, and compares what the
# folded object returns there with what the unfolded one does: tests/kernels/run.sh DIR...
#
# Each DIR is a kernel and has `vmlinuz`, and `config`, the kernel's configuration. What else is
# to be known of it (version, types, symbols) is asked of the booted kernel once and kept there:
# `release`, `btf`, `kallsyms.gz`. No kernel modules are loaded, so all must be built in that
# starts the machine; Debian's cloud kernels are such (linux-image-*-cloud-amd64, from 6.19 on
# linux-binary-* and linux-base-*).
#
# Needs qemu-system-x86_64, busybox-static, cpio, a C compiler, and libbpf, libelf and zlib to
# link statically (Debian: qemu-system-x86 busybox-static cpio libbpf-dev libelf-dev
# zlib1g-dev). BPFOLD names the command, cargo builds it otherwise.
#
# Prints a line for each object on each kernel; fails if an object that is folded for a kernel
# returns anything else there than the unfolded one.
set -eu
[ $# -ge 1 ] || { sed -n '2,/^set/s/^# \{0,1\}//p' "$0" >&2; exit 2; }
here=$(cd "$(dirname "$0")" && pwd)
root=$here/../..
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
object=$root/examples/portable.bpf.o

if [ -z "${BPFOLD:-}" ]; then
	cargo build --quiet --manifest-path "$root/Cargo.toml"
	BPFOLD=${CARGO_TARGET_DIR:-$root/target}/debug/bpfold
fi
"${CC:-cc}" -O1 -static "$here/run.c" -o "$work/run" -lbpf -lelf -lz

# boot KERNEL DIR: boots with DIR as /w, runs /w/run.sh and prints what it prints.
boot() {
	tree=$work/root
	rm -rf "$tree" && mkdir -p "$tree/bin" "$tree/dev" "$tree/proc" "$tree/sys" "$tree/tmp"
	cp /bin/busybox "$tree/bin/" && cp -r "$2" "$tree/w"
	cat > "$tree/init" <<-'INIT'
		#!/bin/busybox sh
		/bin/busybox --install -s /bin
		mount -t proc p /proc; mount -t sysfs s /sys; mount -t devtmpfs d /dev
		ulimit -l unlimited
		stty -F /dev/ttyS1 raw -echo
		cd /w && sh run.sh > /dev/ttyS1 2>&1
		sync; sleep 0.2; poweroff -f
	INIT
	chmod +x "$tree/init"
	(cd "$tree" && find . | cpio -o -H newc 2> /dev/null | gzip -1) > "$work/initrd"
	: > "$work/out"
	timeout 300 qemu-system-x86_64 -accel tcg -cpu max -m 768 -smp 1 -nodefaults -no-reboot \
		-display none -kernel "$1" -initrd "$work/initrd" \
		-append "console=ttyS0 panic=-1 quiet" \
		-serial file:"$work/console" -serial file:"$work/out" < /dev/null
	cat "$work/out"
}

# What only the booted kernel tells.
facts() {
	[ ! -e "$1/release" ] || [ ! -e "$1/btf" ] || [ ! -e "$1/kallsyms.gz" ] || return 0
	mkdir -p "$work/facts"
	cat > "$work/facts/run.sh" <<-'RUN'
		mkdir f && cp /proc/sys/kernel/osrelease f/release && cat /proc/sys/kernel/version >> f/release
		cp /sys/kernel/btf/vmlinux f/btf && gzip -9 < /proc/kallsyms > f/kallsyms.gz
		tar c f | gzip -1
	RUN
	boot "$1/vmlinuz" "$work/facts" | tar xz -C "$work" && cp "$work"/f/* "$1/"
}

# 6.1.192: Debian's version says it, others' releases do.
version() {
	sed -n 's/.*Debian \([0-9.]*\).*/\1/p' "$1/release" | grep . ||
		sed -n '1s/^\([0-9.]*\).*/\1/p' "$1/release"
}

mkdir -p "$work/w/folded"
cp "$work/run" "$work/w/" && cp "$object" "$work/w/unfolded.o"
for kernel; do
	facts "$kernel"
	gunzip -c "$kernel/kallsyms.gz" > "$work/kallsyms"
	version=$(version "$kernel")
	"$BPFOLD" fold "$object" -o "$work/w/folded/$version.o" --kernel "$version" \
		--kconfig "$kernel/config" --btf "$kernel/btf" --kallsyms "$work/kallsyms" --core all \
		--set kernel_version="KERNEL_VERSION($(echo "$version" | cut -d. -f1,2 | tr . ,),0)" \
		--freeze-all > "$work/summary"
	grep -E '^(all|warning)' "$work/summary" | sed "s/^all/folded for $version, instructions:/"
done

failed=0
for kernel; do
	version=$(version "$kernel")
	mkdir -p "$work/w/boot" && cp "$kernel/config" "$work/w/config"
	cat > "$work/w/run.sh" <<-RUN
		# Where libbpf looks for it.
		mkdir -p /boot && cp config /boot/config-\$(uname -r)
		set -- unfolded=unfolded.o
		for o in folded/*.o; do n=\${o#folded/}; set -- "\$@" \${n%.o}=\$o; done
		./run $version "\$@"
	RUN
	echo "kernel $version:"
	boot "$kernel/vmlinuz" "$work/w" > "$work/results"
	sed 's/^/  /; s/^  \([0-9]\)/  folded for \1/' "$work/results"
	expected=$(sed -n 's/^unfolded //p' "$work/results")
	found=$(sed -n "s/^$version //p" "$work/results")
	case $expected in
	0x*) [ "$expected" = "$found" ] || failed=1 ;;
	*) failed=1 ;;
	esac
	[ $failed = 0 ] || { echo "  expected $expected, found $found" >&2; exit 1; }
done
