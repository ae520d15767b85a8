# The object in place.
cp examples/agent.bpf.o agent.o; bpfold fold agent.o -o agent.o --freeze-all | tail -n 1
bpfold fold examples/agent.bpf.o -o other.o --freeze-all | tail -n 1
cmp agent.o other.o
# Permissions and symbolic links stay, new files get what the umask leaves.
chmod 640 agent.o; ln -s agent.o link.o; bpfold fold examples/agent.bpf.o -o link.o | tail -n 1
stat -c '%A %N' agent.o link.o
umask 022; bpfold fold examples/agent.bpf.o -o new.o | tail -n 1; stat -c %A new.o
# Devices are written to as they are.
bpfold fold examples/agent.bpf.o -o /dev/null | tail -n 1
# Nothing is written if not all of it can be.
bpfold fold examples/agent.bpf.o -o /dev/full
bpfold fold examples/agent.bpf.o -o missing/out.o
bpfold fold examples/agent.bpf.o -o examples
bpfold fold examples/agent.bpf.o -o new.o/out.o
cp other.o kept.o; (trap '' XFSZ; ulimit -f 4; bpfold fold examples/agent.bpf.o -o kept.o)
cmp other.o kept.o
bpfold fold examples/agent.bpf.o -o kept.o --set cfg.debgu=1
cmp other.o kept.o
ls -A
# A symbolic link to a file that is not there yet leads to it.
ln -s later.o dangling.o; mkdir -p deep; ln -s ../deep/there.o deep/link.o; bpfold fold examples/agent.bpf.o -o dangling.o -q && bpfold fold examples/agent.bpf.o -o deep/link.o -q && ls -l later.o deep/there.o | cut -c 1 && stat -c %N dangling.o deep/link.o
ln -s circle.o circle.o; bpfold fold examples/agent.bpf.o -o circle.o -q
# A terminal gets no object.
script -qec 'bpfold fold examples/agent.bpf.o -o - -q' /dev/null < /dev/null | tr -d '\r'
bpfold fold examples/agent.bpf.o -o - -q | cmp - other.o > /dev/null || echo other
