# What folding changes, with the source lines between and labels that are the same.
bpfold diff examples/agent.bpf.o --set cfg.debug=false
bpfold diff examples/agent.bpf.o --set cfg.debug=false --no-source -U 1
bpfold fold examples/agent.bpf.o -o out.o --set cfg.debug=false > /dev/null; bpfold diff examples/agent.bpf.o out.o --stat
bpfold diff examples/kernel_version.bpf.o --set kernel_version=v5.10 --function on_sys_enter
bpfold diff examples/agent.bpf.o examples/agent.bpf.o
bpfold diff out.o examples/agent.bpf.o --function debug_event --no-source | head -n 4
# Colour on request.
bpfold diff examples/agent.bpf.o out.o --function report -U 0 --no-source --color always | sed 's/\x1b/ESC/g' | head -n 4
bpfold diff examples/agent.bpf.o out.o --function nothing
bpfold diff examples/agent.bpf.o out.o --freeze-all
