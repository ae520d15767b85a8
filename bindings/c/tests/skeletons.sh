#!/bin/sh
# Opens folded objects by skeletons of the originals: skeletons.sh BPFOLD DIR...
#
# For each object below the directories of which bpftool makes a skeleton that opens the object
# itself, the object folded with --keep-interface must open, too. Prints what does not, and totals.
set -eu
bpfold=$1
shift
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
PATH=$PATH:/usr/sbin:/sbin
tried=0 bad=0 skipped=0 otherwise=0
for object in $(find "$@" -name '*.o' | sort); do
	if ! bpftool gen skeleton "$object" name s > "$work/s.skel.h" 2> /dev/null ||
		! cc -w -DSKELETON='"s.skel.h"' -DNAME=s -I"$work" -o "$work/s" "$here/skeleton.c" \
			-lbpf -lelf -lz 2> /dev/null ||
		! "$work/s" "$object" > /dev/null 2>&1; then
		skipped=$((skipped + 1))
		continue
	fi
	for options in --freeze-all ""; do
		tried=$((tried + 1))
		if ! "$bpfold" fold "$object" -o "$work/kept.o" --keep-interface $options > /dev/null; then
			continue
		fi
		if ! "$work/s" "$work/kept.o" > "$work/log" 2>&1; then
			bad=$((bad + 1))
			echo "$object $options: $(tail -n 1 "$work/log")"
		fi
		"$bpfold" fold "$object" -o "$work/plain.o" $options > /dev/null
		"$work/s" "$work/plain.o" > /dev/null 2>&1 || otherwise=$((otherwise + 1))
	done
done
echo "$tried folds, $bad do not open, $otherwise would not without --keep-interface;" \
	"$skipped objects have no skeleton that opens"
[ "$bad" = 0 ]
