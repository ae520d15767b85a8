# Decided branches in the order of the source, what is removed, what open variables keep.
bpfold explain examples/agent.bpf.o --set cfg.debug=false --set cfg.transport=TRANSPORT_PERF
bpfold explain examples/kernel_version.bpf.o --set kernel_version=v5.10
bpfold explain examples/callbacks.bpf.o --set mirror=false --set limit=false --verbose | head -n 12
bpfold explain examples/xdp_filter.bpf.o --freeze-all | head -n 12
bpfold explain examples/portable.bpf.o --kernel 6.1
# Who gave a value is told.
printf 'cfg.debug = false\n' > agent.values; bpfold explain examples/agent.bpf.o --values agent.values cfg.debug
# A map, function, program, section that is removed or still there; variables; source lines.
bpfold explain examples/agent.bpf.o --set cfg.debug=false debug_last buckets
bpfold explain examples/agent.bpf.o --set cfg.debug=false report
bpfold explain examples/agent.bpf.o --entry handle_dns --drop handle_tls handle_tls agent handle_dns
bpfold explain examples/agent.bpf.o --set cfg.debug=false cfg.feature.dns .rodata
bpfold explain examples/agent.bpf.o --set cfg.debug=false agent.bpf.c:141 :108
bpfold explain examples/trace_agent.bpf.o targ_comm
bpfold explain objects/values.el.o unread
bpfold explain examples/agent.bpf.o --set cfg.debug=false report --format json
# The line of the command that folds, and the summary's long form.
bpfold fold examples/agent.bpf.o -o out.o --set cfg.debug=false --verbose | sed -n '/decided$/,/^proven/p'
# What is not there.
bpfold explain examples/agent.bpf.o nothing
bpfold explain examples/agent.bpf.o cfg.debgu
bpfold explain examples/agent.bpf.o agent.bpf.c:1
bpfold explain examples/kernel_version.bpf.o handlers
