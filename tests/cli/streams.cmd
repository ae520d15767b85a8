# `-` is standard input or output; the summary then goes to standard error.
bpfold fold - -o piped.o --freeze-all < examples/agent.bpf.o
bpfold fold examples/agent.bpf.o -o direct.o --freeze-all | tail -n 1
cmp piped.o direct.o
bpfold fold - -o - --freeze-all < examples/agent.bpf.o > both.o
cmp both.o direct.o
bpfold fold examples/agent.bpf.o -o - --freeze-all 2> /dev/null | bpfold dump - agent
bpfold vars - < examples/kernel_version.bpf.o
bpfold vars - < /dev/null
# A reader that goes away is no error.
{ sleep 0.2; bpfold dump examples/agent.bpf.o; echo "exit code $?" >&2; } | true
{ sleep 0.2; bpfold fold examples/agent.bpf.o -o out.o; echo "exit code $?" >&2; } | true
cmp out.o examples/agent.bpf.o
# Colours only for terminals.
bpfold vars examples/kernel_version.bpf.o | grep -c "$(printf '\033')" || true
CLICOLOR_FORCE=1 bpfold vars examples/kernel_version.bpf.o | grep -c "$(printf '\033')" || true
