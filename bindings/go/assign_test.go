// SPDX-License-Identifier: MIT OR Apache-2.0

package bpfold

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cilium/ebpf"
)

type tracePrograms struct {
	Enter *ebpf.Program `ebpf:"enter"`
	Leave *ebpf.Program `ebpf:"leave"`
}

type traceMaps struct {
	Cgroups *ebpf.Map `ebpf:"cgroups"`
	Counts  *ebpf.Map `ebpf:"counts"`
	Events  *ebpf.Map `ebpf:"events"`
	Starts  *ebpf.Map `ebpf:"starts"`
}

type traceVariables struct {
	TargPid  *ebpf.Variable `ebpf:"targ_pid"`
	TargComm *ebpf.Variable `ebpf:"targ_comm"`
}

// As bpf2go makes them.
type traceObjects struct {
	tracePrograms
	traceMaps
	traceVariables
	Other int
}

func (objects *traceObjects) close() {
	objects.Enter.Close()
	objects.Leave.Close()
	for _, m := range []*ebpf.Map{objects.Cgroups, objects.Counts, objects.Events, objects.Starts} {
		m.Close()
	}
}

func TestDroppedFieldsStayNil(t *testing.T) {
	needKernel(t)
	elf := read(t, traceObject)
	spec, result := foldSpec(t, elf, specOf(t, elf), Options{})
	var strict traceObjects
	if err := spec.LoadAndAssign(&strict, nil); err == nil || !strings.Contains(err.Error(), "cgroups") {
		t.Errorf("the spec's own LoadAndAssign: %v", err)
	}
	replacement, err := ebpf.NewMap(&ebpf.MapSpec{
		Type: ebpf.Array, KeySize: 4, ValueSize: 4, MaxEntries: 1,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer replacement.Close()
	replaced := &ebpf.CollectionOptions{MapReplacements: map[string]*ebpf.Map{"cgroups": replacement}}
	assigns := map[string]func(to any) error{
		"of the result":     func(to any) error { return result.LoadAndAssign(spec, to, nil) },
		"of any":            func(to any) error { return LoadAndAssign(spec, to, nil) },
		"with replacements": func(to any) error { return result.LoadAndAssign(spec, to, replaced) },
	}
	for which, assign := range assigns {
		var objects traceObjects
		if err := assign(&objects); err != nil {
			t.Fatalf("%s: %v", which, err)
		}
		if objects.Cgroups != nil || objects.Counts != nil || objects.TargPid != nil {
			t.Errorf("%s: %+v", which, objects)
		}
		if objects.Enter == nil || objects.Leave == nil || objects.Events == nil ||
			objects.Starts == nil {
			t.Errorf("%s: %+v", which, objects)
		}
		objects.close()
	}
	if len(replaced.MapReplacements) != 1 {
		t.Error("the given options were changed")
	}
}

func TestMisspelledFieldsAreErrors(t *testing.T) {
	needKernel(t)
	elf := read(t, traceObject)
	spec, result := foldSpec(t, elf, specOf(t, elf), Options{})
	var objects struct {
		Wrong *ebpf.Map `ebpf:"startz"`
	}
	if err := result.LoadAndAssign(spec, &objects, nil); err == nil {
		t.Error("a map that never was is no error")
	}
	if err := LoadAndAssign(spec, objects, nil); err == nil {
		t.Error("a struct that cannot be assigned to is no error")
	}
	var unknown struct {
		Field *int `ebpf:"starts"`
	}
	if err := result.LoadAndAssign(spec, &unknown, nil); err == nil {
		t.Error("a field of another type is no error")
	}
}

func TestKeepForKeepsWhatTheStructNames(t *testing.T) {
	needKernel(t)
	elf := read(t, traceObject)
	var objects struct {
		tracePrograms
		Cgroups *ebpf.Map      `ebpf:"cgroups"`
		TargPid *ebpf.Variable `ebpf:"targ_pid"`
	}
	var opts Options
	if err := opts.KeepFor(&objects); err != nil {
		t.Fatal(err)
	}
	spec, _ := foldSpec(t, elf, specOf(t, elf), opts)
	if spec.Maps["counts"] != nil {
		t.Error("what no field names is there")
	}
	if err := spec.LoadAndAssign(&objects, nil); err != nil {
		t.Fatal(err)
	}
	defer objects.Enter.Close()
	defer objects.Leave.Close()
	defer objects.Cgroups.Close()
	if objects.Cgroups == nil || objects.TargPid == nil {
		t.Errorf("%+v", objects)
	}
	if err := opts.KeepFor(&struct {
		Wrong *int `ebpf:"starts"`
	}{}); err == nil {
		t.Error("a field of another type is no error")
	}
}

func TestKeepInterfaceServesEveryField(t *testing.T) {
	needKernel(t)
	elf := read(t, traceObject)
	spec := specOf(t, elf)
	set(t, spec, "targ_pid", int32(4711))
	folded, result := foldSpec(t, elf, spec, Options{KeepInterface: true})
	if len(result.UnneededMaps) == 0 {
		t.Error("every map is needed")
	}
	// To no effect, but not with a nil pointer.
	set(t, folded, "targ_pid", int32(4711))
	var objects traceObjects
	if err := folded.LoadAndAssign(&objects, nil); err != nil {
		t.Fatal(err)
	}
	defer objects.close()
	var value int32
	if err := objects.TargPid.Get(&value); err != nil || value != 4711 {
		t.Errorf("targ_pid is %d: %v", value, err)
	}
}

// The example, built as an agent is.
func TestExampleAgent(t *testing.T) {
	needKernel(t)
	agent := filepath.Join(t.TempDir(), "agent")
	build := exec.Command("go", "build", "-o", agent, "./examples/agent")
	build.Env = append(build.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	plain := output(t, agent, traceObject, "plain")
	folded := output(t, agent, traceObject)
	kept := output(t, agent, traceObject, "keep")
	t.Logf("plain:\n%sfolded:\n%skept:\n%s", plain, folded, kept)
	for text, wants := range map[string][]string{
		plain:  {"cgroups: 1 entries", "counts: 1024 entries", "starts: 64 entries"},
		folded: {"cgroups: gone", "counts: gone", "starts: 64 entries"},
		kept:   {"cgroups: 1 entries", "counts: 1024 entries", "starts: 64 entries"},
	} {
		for _, want := range wants {
			if !strings.Contains(text, want) {
				t.Errorf("%q is not in\n%s", want, text)
			}
		}
	}
	if strings.SplitN(plain, "map", 2)[0] == strings.SplitN(folded, "map", 2)[0] {
		t.Error("the programs are as they were")
	}
}

type featureAgent struct {
	Agent         *ebpf.Program `ebpf:"agent"`
	HandleDns     *ebpf.Program `ebpf:"handle_dns"`
	HandleTls     *ebpf.Program `ebpf:"handle_tls"`
	HandleIcmp    *ebpf.Program `ebpf:"handle_icmp"`
	EventsRing    *ebpf.Map     `ebpf:"events_ring"`
	EventsPerf    *ebpf.Map     `ebpf:"events_perf"`
	DebugCounters *ebpf.Map     `ebpf:"debug_counters"`
	DebugLast     *ebpf.Map     `ebpf:"debug_last"`
	Buckets       *ebpf.Map     `ebpf:"buckets"`
	DnsPorts      *ebpf.Map     `ebpf:"dns_ports"`
	TlsVersions   *ebpf.Map     `ebpf:"tls_versions"`
	IcmpTypes     *ebpf.Map     `ebpf:"icmp_types"`
	Handlers      *ebpf.Map     `ebpf:"handlers"`
}

// totals counts what the kernel has got, and closes it.
func (agent *featureAgent) totals(t *testing.T) (programs, instructions, verified, maps int) {
	t.Helper()
	for _, p := range []*ebpf.Program{
		agent.Agent, agent.HandleDns, agent.HandleTls, agent.HandleIcmp,
	} {
		if p == nil {
			continue
		}
		info, err := p.Info()
		if err != nil {
			t.Fatal(err)
		}
		size, err := info.TranslatedSize()
		if err != nil {
			t.Fatal(err)
		}
		count, _ := info.VerifiedInstructions()
		programs, instructions, verified = programs+1, instructions+size/8, verified+int(count)
		p.Close()
	}
	for _, m := range []*ebpf.Map{
		agent.EventsRing, agent.EventsPerf, agent.DebugCounters, agent.DebugLast, agent.Buckets,
		agent.DnsPorts, agent.TlsVersions, agent.IcmpTypes, agent.Handlers,
	} {
		if m != nil {
			maps++
			m.Close()
		}
	}
	return programs, instructions, verified, maps
}

// An agent whose configuration is a struct needs a part of its programs and maps.
func TestAgentWithOneFeature(t *testing.T) {
	needKernel(t)
	elf := read(t, agentObject)
	spec := specOf(t, elf)
	config := struct {
		Transport       uint32
		Debug           bool
		Dns, Tls, Icmp  bool
		RateLimit       bool
		_               [3]byte
		RateLimitedFrom uint32
	}{Transport: 1, Tls: true}
	set(t, spec, "cfg", &config)

	var plain, folded, kept featureAgent
	if err := spec.LoadAndAssign(&plain, nil); err != nil {
		t.Fatal(err)
	}
	programs, instructions, verified, maps := plain.totals(t)
	t.Logf("plain: %d programs, %d instructions, %d verified, %d maps",
		programs, instructions, verified, maps)
	if programs != 4 || maps != 9 {
		t.Errorf("%d programs and %d maps", programs, maps)
	}

	after, result := foldSpec(t, elf, spec, Options{})
	if err := result.LoadAndAssign(after, &folded, nil); err != nil {
		t.Fatal(err)
	}
	programs, fewer, verified, maps := folded.totals(t)
	t.Logf("folded: %d programs, %d instructions, %d verified, %d maps",
		programs, fewer, verified, maps)
	if programs != 2 || maps != 3 || fewer >= instructions {
		t.Errorf("%d programs and %d maps; dropped: %v", programs, maps, result.DroppedMaps)
	}

	after, _ = foldSpec(t, elf, spec, Options{KeepInterface: true})
	if err := after.LoadAndAssign(&kept, nil); err != nil {
		t.Fatal(err)
	}
	programs, fewer, verified, maps = kept.totals(t)
	t.Logf("kept: %d programs, %d instructions, %d verified, %d maps",
		programs, fewer, verified, maps)
	if programs != 4 || maps != 9 || fewer >= instructions {
		t.Errorf("%d programs, %d maps, %d instructions", programs, maps, fewer)
	}
}
