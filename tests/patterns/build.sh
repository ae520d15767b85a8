#!/bin/sh
# Compiles the patterns: tests/patterns/build.sh OUTDIR [CC [CPU]]
#
# CC is a clang (clang-14, the default, or later) or bpf-gcc, CPU is v1, v2, v3 (the
# default) or v4; TARGET=bpfeb makes big-endian objects; ONLY='GLOB' takes some patterns.
#
#   OUTDIR/NAME.o            every variable const volatile, zero as stored
#   OUTDIR/set/NAME.CASE.o   the same with the case's values as stored
#   OUTDIR/const/NAME.CASE.o the case's values as plain constants, but for open variables
#   OUTDIR/values/           the values of each case as C macros
#
# CACHE=DIR keeps objects there by what they were made of: compiler, flags, source, values and
# headers. Where all of these are the same nothing is compiled, whatever OUTDIR is.
#
# v4 needs clang 18 or later, and bpf-gcc 14 or later. A pattern with a line
# `// needs: clang` is left out for bpf-gcc; README.md says why.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
[ $# -ge 1 ] || { sed -n '2,/^set/s/^# \{0,1\}//p' "$0" >&2; exit 2; }
mkdir -p "$1"
out=$(cd "$1" && pwd)
cc=${2:-clang-14}
cpu=${3:-v3}
headers=${HEADERS:-/usr/include/$(uname -m)-linux-gnu}
jobs=${JOBS:-$(nproc)}
rm -rf "$out/set" "$out/const" "$out/values" "$out"/*.o
mkdir -p "$out/set" "$out/const" "$out/values"
cd "$here"

case $cc in
*gcc*)
	case ${TARGET:-bpfel} in bpfeb) endian=-mbig-endian ;; *) endian=-mlittle-endian ;; esac
	flags="-mcpu=$cpu $endian -O2 -g -gbtf -isystem $headers -isystem /usr/include"
	;;
*)
	flags="-target ${TARGET:-bpfel} -mcpu=$cpu -O2 -g -idirafter $headers"
	;;
esac

# values NAME.c: for each case, and for none (CASE empty), the macros KIND_ and VAL_ of
# every variable, once for `set` and once for `const`.
values() {
	awk -v name="${1%.c}" -v out="$out/values" '
	/^\/\/ case / {
		line = $0
		sub(/^\/\/ case /, "", line)
		id = line; sub(/:.*/, "", id)
		sub(/^[^:]*:/, "", line); sub(/=>.*/, "", line)
		cases[++n] = id
		assigned[n] = line
	}
	/^VAR(_ARRAY)?\(/ {
		variable = $0
		sub(/^[A-Z_]*\([^,]*, */, "", variable); sub(/[,)].*/, "", variable)
		variables[++m] = variable
	}
	END {
		cases[0] = ""
		for (i = 0; i <= n; i++) {
			split("", value); split("", open)
			k = split(assigned[i], words, " ")
			for (j = 1; j <= k; j++) {
				path = words[j]; sub(/=.*/, "", path)
				v = words[j]; sub(/^[^=]*=/, "", v)
				base = path; sub(/[.\[].*/, "", base)
				rest = substr(path, length(base) + 1)
				if (v == "?") open[base] = 1
				else if (rest == "") value[base] = v
				else value[base] = value[base] (value[base] == "" ? "{ " : ", ") rest " = " v
			}
			for (kind = 0; kind < 2; kind++) {
				file = out "/" name "." (i ? cases[i] "." : "") (kind ? "const" : "set") ".h"
				for (j = 1; j <= m; j++) {
					v = value[variables[j]]
					if (v == "") v = "{ 0 }"
					else if (v ~ /^{/) v = v " }"
					print "#define KIND_" variables[j], \
						kind && !open[variables[j]] ? "static const" : "const volatile" > file
					print "#define VAL_" variables[j], v > file
				}
				close(file)
				if (i) print (kind ? "const/" : "set/") name "." cases[i], file
				else if (!kind) print name, file
			}
		}
	}' "$1"
}

# What all objects of this compiler depend on.
base=
if [ -n "${CACHE:-}" ]; then
	mkdir -p "$CACHE"
	CACHE=$(cd "$CACHE" && pwd)
	# shellcheck disable=SC2086
	included=$(cat ./*.c ./*.h | grep '^#include' | sort -u | "$cc" $flags -I. -M -x c - |
		tr ' \\' '\n\n' | grep '\.h$' | sort -u)
	base=$({ "$cc" --version; echo "$flags"; echo "$included" | xargs cat; } | sha256sum)
fi

for source in ${ONLY:-*}.c; do
	case $cc in *gcc*) grep -q '^// needs: clang' "$source" && continue ;; esac
	values "$source" | while read -r object file; do
		echo "$source $out/$object.o $file"
	done
done | CC="$cc" FLAGS="$flags" CACHE="${CACHE:-}" BASE="$base" xargs -P "$jobs" -n 3 sh -c '
	if [ -n "$CACHE" ]; then
		key=$({ echo "$BASE $0"; cat "$0" "$2"; } | sha256sum)
		kept=$CACHE/${key%% *}.o
		if [ -e "$kept" ]; then exec cp "$kept" "$1"; fi
	fi
	"$CC" $FLAGS -include "$2" -c "$0" -o "$1" || { echo "$1: not compiled" >&2; exit 1; }
	# Others may be building the same.
	if [ -n "$CACHE" ]; then cp "$1" "$kept.$$" && mv "$kept.$$" "$kept"; fi'
