# Files of values: comments behind values, initialisers of several lines; TOML and JSON.
printf 'cfg.mode = MODE_ALLOW_LISTED  # not the stored one\ncfg.ports = {80,\n  443}  # web\ncfg.ifname = wlan0\n' > web.values; cat web.values; bpfold fold examples/xdp_filter.bpf.o -o out.o --values web.values | grep -A 3 'left open'
printf '[cfg]\nmode = "MODE_ALLOW_LISTED"\nports = [80, 443]\nifname = "wlan0"\n' > web.toml; bpfold fold examples/xdp_filter.bpf.o -o toml.o --values web.toml | grep -A 3 'left open'; cmp out.o toml.o
printf '{"cfg": {"mode": "MODE_ALLOW_LISTED", "ports": [80, 443], "ifname": "wlan0"}}' > web.json; bpfold fold examples/xdp_filter.bpf.o -o json.o --values web.json > /dev/null; cmp out.o json.o
# Later files override earlier ones, and --set overrides files; a warning says so.
printf '[cfg]\ndebug = true\nports = [22]\n' > first.toml; printf 'cfg.debug = false\n' > second.values
bpfold fold examples/xdp_filter.bpf.o -o out.o --values first.toml --values second.values --set cfg.ports[1]=80 | grep -A 1 warning
bpfold fold examples/xdp_filter.bpf.o -o out.o --set cfg.debug=true --set cfg.debug=false | grep warning
rm out.o; bpfold fold examples/xdp_filter.bpf.o -o out.o --values first.toml --values second.values --deny override; ls out.o
# The same value twice overrides nothing.
bpfold fold examples/xdp_filter.bpf.o -o out.o --set cfg.debug=true --set cfg.debug=1 | grep -c warning
# Profiles, which inherit; options override them.
printf '[profile.base]\nfreeze = ["cfg.flags.*"]\n[profile.web]\ninherits = "base"\nvalues = ["web.values"]\ndeny = ["override"]\n[profile.web.set.cfg]\ndebug = false\n' > bpfold.toml; bpfold fold examples/xdp_filter.bpf.o -o out.o --profile web | grep -A 3 'left open'
mkdir -p below; cd below; bpfold fold ../examples/xdp_filter.bpf.o -o ../below.o --profile web > /dev/null; cmp ../out.o ../below.o
bpfold fold examples/xdp_filter.bpf.o -o out.o --profile web --set cfg.debug=true
bpfold fold examples/xdp_filter.bpf.o -o out.o --profile wbe
bpfold fold examples/xdp_filter.bpf.o -o out.o --profile web --config other.toml
printf '[profile.web]\nfreez = ["cfg"]\n' > other.toml; bpfold fold examples/xdp_filter.bpf.o -o out.o --profile web --config other.toml
printf '[profile.web]\ndeny = ["overide"]\n' > other.toml; bpfold fold examples/xdp_filter.bpf.o -o out.o --profile web --config other.toml
printf '[profile.web.set]\ncfg.debug = 2\n' > other.toml; bpfold fold examples/xdp_filter.bpf.o -o out.o --profile web --config other.toml
printf '[profile.a]\ninherits = "b"\n[profile.b]\ninherits = "a"\n' > other.toml; bpfold fold examples/xdp_filter.bpf.o -o out.o --profile a --config other.toml
cd / && bpfold fold "$OLDPWD"/examples/agent.bpf.o -o /dev/null --profile web
# One file for many objects.
printf 'cfg.debug = false\ntarg_pid = 7\n' > all.values; bpfold fold examples/agent.bpf.o -o out.o --values all.values
bpfold fold examples/agent.bpf.o -o out.o --values all.values --ignore-missing --freeze 'targ_*' | grep note
bpfold fold examples/trace_agent.bpf.o -o out.o --values all.values --ignore-missing | grep note
printf 'cfg.debug = maybe\n' > all.values; bpfold fold examples/agent.bpf.o -o out.o --values all.values --ignore-missing
# Patterns over members.
bpfold fold examples/xdp_filter.bpf.o -o out.o --freeze 'cfg.stats.*' --freeze 'cfg.p*' | grep -A 3 'left open'
# Expressions, addresses, versions, words.
bpfold fold objects/values.el.o -o out.o --set 'flags=FLAG_A|FLAG_C' --set 'wide=~0 & ~(1<<3)' --set port='htons(80)' --set address=10.0.0.1 --set address6=::1 --set mac=02:42:ac:11:00:02 --set kernel_version=v5.10 --set name=wlan0 > /dev/null; bpfold vars out.o | sed -n '/folded with/,$p'
# Files that are none.
printf 'cfg.debug = false\n\ncfg.ports = {1,\n  2\n' > bad; bpfold fold examples/xdp_filter.bpf.o -o out.o --values bad
printf 'cfg.debug = false\ncfg.ifname = "eth0\n' > bad; bpfold fold examples/xdp_filter.bpf.o -o out.o --values bad
printf '[cfg\ndebug = 1\n' > bad.toml; bpfold fold examples/xdp_filter.bpf.o -o out.o --values bad.toml
printf '[cfg]\ndebug = 1.5\n' > bad.toml; bpfold fold examples/xdp_filter.bpf.o -o out.o --values bad.toml
printf '{"cfg": {\n"debug": tru}}' > bad.json; bpfold fold examples/xdp_filter.bpf.o -o out.o --values bad.json
printf '{"cfg": null}' > bad.json; bpfold fold examples/xdp_filter.bpf.o -o out.o --values bad.json
printf 'cfg.debug = \377\n' > bad; bpfold fold examples/xdp_filter.bpf.o -o out.o --values bad
