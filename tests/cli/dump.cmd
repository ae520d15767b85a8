# Chosen functions, source lines, graphs.
bpfold dump examples/callbacks.bpf.o stage_mirror age
bpfold dump examples/callbacks.bpf.o stage_mirror --source
bpfold dump examples/callbacks.bpf.o age --cfg
bpfold dump examples/callbacks.bpf.o entr
# Offsets as reports name them, the variables of loads, sections and types; patterns and sections.
bpfold dump examples/agent.bpf.o 'rep*' --source | head -n 24
bpfold dump examples/xdp_filter.bpf.o xdp | grep -E '^;|cfg\.' | head -n 8
# A form for snapshots: labels by the order of blocks, nothing that moves with other code.
bpfold fold examples/agent.bpf.o -o out.o --set cfg.debug=false > /dev/null; bpfold dump out.o report --stable
bpfold dump out.o --stable > stable; bpfold dump out.o --stable | cmp - stable
