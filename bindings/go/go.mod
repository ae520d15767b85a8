module bpfold.example/bpfold

go 1.25.0

require (
	github.com/cilium/ebpf v0.22.0
	github.com/tetratelabs/wazero v1.12.0
)

require golang.org/x/sys v0.44.0 // indirect
