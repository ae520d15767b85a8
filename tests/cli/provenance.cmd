# What an object was made of: digests of both, values, arguments, what was proven.
bpfold fold examples/kernel_version.bpf.o -o out.o --set kernel_version=0x60100 --provenance out.json > /dev/null; cat out.json
sha256sum examples/kernel_version.bpf.o out.o | cut -c1-64 | while read -r digest; do grep -c "$digest" out.json; done
# The same once more; no file for a fold that fails.
cp out.json first.json; bpfold fold examples/kernel_version.bpf.o -o out.o --set kernel_version=0x60100 --provenance out.json > /dev/null; cmp first.json out.json
bpfold fold examples/kernel_version.bpf.o -o out.o --set kernel_version=maybe --provenance none.json; test -e none.json || echo no statement
