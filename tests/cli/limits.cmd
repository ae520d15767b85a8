# Programs that lose all that they do, and objects that lose all programs.
bpfold fold objects/outside-clang19.o -o out.o --set kind=0 | grep warning
bpfold fold objects/outside-clang19.o -o out.o --set kind=0 --deny only-returns
bpfold fold examples/agent.bpf.o -o out.o --drop agent --drop 'handle_*' | grep warning
rm out.o; bpfold fold examples/agent.bpf.o -o out.o --drop agent --drop 'handle_*' --deny no-programs; ls out.o
bpfold fold objects/values.el.o -o out.o --set mode=7 --set flags='FLAG_A|FLAG_B' | grep warning
rm out.o; bpfold fold objects/values.el.o -o out.o --set mode=7 --deny enum-range; ls out.o
# Budgets, of all functions and of a program with what it calls.
bpfold fold examples/agent.bpf.o -o out.o --set cfg.debug=false --max-instructions 210 --max-instructions agent=100 --max-instructions 'handle_*=150' | head -n 1; ls out.o
rm out.o; bpfold fold examples/agent.bpf.o -o out.o --max-instructions 200 --max-instructions agent=30 --max-instructions 'handle_*=120'; ls out.o
bpfold fold examples/agent.bpf.o -o out.o --max-instructions agnet=30
bpfold fold examples/agent.bpf.o -o out.o --max-instructions many
# Quiet: warnings only, on standard error; and shorter or longer summaries.
bpfold fold examples/agent.bpf.o -o out.o -q --set cfg.debug=false; ls out.o
bpfold fold objects/values.el.o -o out.o -q --set mode=7 --set unread=1
bpfold fold examples/agent.bpf.o -o out.o --summary none --freeze-all
bpfold fold examples/agent.bpf.o -o out.o --summary short --freeze-all
bpfold fold examples/agent.bpf.o -o out.o --summary full --freeze-all > full; bpfold fold examples/agent.bpf.o -o out.o --verbose --freeze-all | cmp - full
bpfold fold examples/agent.bpf.o -o out.o -q --verbose
# Annotations beside source lines, with paths from a directory.
bpfold fold objects/outside-clang19.o -o out.o -q --set kind=1 --annotations github --source-root /
bpfold fold objects/values.el.o -o out.o -q --set mode=7 --deny all --annotations github
