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
