bpfold vars objects/symbols.o
bpfold vars objects/symbols.o --format json
bpfold fold objects/symbols.o -o out.o --set counting=0 --set field_offset=24
bpfold fold objects/symbols.o -o out.o --set counting=maybe
bpfold fold objects/symbols.o -o out.o --set bpf_prog_active=1
