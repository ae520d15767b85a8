# Chosen functions, source lines, graphs.
bpfold dump examples/callbacks.bpf.o stage_mirror age
bpfold dump examples/callbacks.bpf.o stage_mirror --source
bpfold dump examples/callbacks.bpf.o age --cfg
bpfold dump examples/callbacks.bpf.o entr
