# The listing of variables: members, bit-fields, strings, enums, what is final already.
bpfold vars examples/kernel_version.bpf.o
bpfold vars examples/xdp_filter.bpf.o
bpfold vars examples/trace_agent.bpf.o
bpfold vars examples/callbacks.bpf.o
bpfold vars examples/agent.bpf.o
# Both byte orders say the same.
bpfold vars objects/variables.el.o > el; bpfold vars objects/variables.eb.o > eb; diff el eb
# Without BTF, by symbols.
bpfold vars objects/mini-gcc.o
# Stable names for machines.
bpfold vars examples/agent.bpf.o --format json
# A name cannot act on the terminal.
sed 's/kernel_version/kernel_ver\x1b[1m/' examples/kernel_version.bpf.o > odd.o; CLICOLOR_FORCE=1 bpfold vars odd.o | sed 's/\x1b/ESC/g'
