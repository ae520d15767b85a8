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
# What the compiler made is shown on request only; what nothing reads is told apart.
bpfold vars examples/xdp_filter.bpf.o --depth 0 --all
bpfold vars objects/values.el.o --depth 1
bpfold vars objects/values.el.o cfg.limits '*.name' --format json | grep '"name"'
bpfold vars objects/values.el.o nports
# A file for --values; as it is, it changes no value.
bpfold vars examples/agent.bpf.o --template
bpfold vars objects/values.el.o 'cfg.*' mode unread --template | tee values; bpfold fold objects/values.el.o -o out.o --values values | grep -A 20 -E '^(left|warning)'
# What vars prints as JSON is a file for --values, too.
bpfold vars examples/xdp_filter.bpf.o --format json > all.json; bpfold fold examples/xdp_filter.bpf.o -o json.o --values all.json > /dev/null && bpfold fold examples/xdp_filter.bpf.o -o frozen.o --freeze cfg > /dev/null && bpfold dump json.o > json.txt && bpfold dump frozen.o | cmp - json.txt
