# Wrong usage: exit code 2.
bpfold
bpfold flod
bpfold fold examples/agent.bpf.o
bpfold fold examples/agent.bpf.o -o out.o --set cfg.debug
bpfold fold examples/agent.bpf.o -o out.o --set =1
bpfold fold examples/agent.bpf.o -o out.o --format yaml
bpfold vars
bpfold vars examples/agent.bpf.o examples/callbacks.bpf.o
bpfold dump examples/agent.bpf.o --sources
bpfold man flod
bpfold verify examples/agent.bpf.o out.o --freeze-all
bpfold verify examples/agent.bpf.o out.o --no-check
bpfold verify examples/agent.bpf.o out.o --core none --btf vmlinux
# Help is no error.
bpfold --version
bpfold --help
bpfold vars --help
bpfold fold --help
bpfold dump --help
bpfold verify --help
# Made of the same definitions.
bpfold man > bpfold.1; bpfold man fold | grep -c '^.fB'
for shell in bash zsh fish elvish powershell; do bpfold completions $shell | grep -c freeze-all; done
bpfold explain --help
bpfold diff --help
bpfold man explain | grep -A 3 'SH EXAMPLES'
