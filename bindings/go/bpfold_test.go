// SPDX-License-Identifier: MIT OR Apache-2.0

package bpfold

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cilium/ebpf"
)

const (
	agentObject = "../../examples/agent.bpf.o"
	traceObject = "../../examples/trace_agent.bpf.o"
)

func TestBytesAreThoseOfTheCommand(t *testing.T) {
	command := native(t)
	cases := []struct {
		opts      Options
		arguments []string
	}{
		{Options{}, nil},
		{Options{FreezeAll: true}, []string{"--freeze-all"}},
		{Options{FreezeAll: true, KeepInterface: true}, []string{"--freeze-all", "--keep-interface"}},
		{Options{FreezeAll: true, PruneMaps: true, NoCheck: true},
			[]string{"--freeze-all", "--prune-maps", "--no-check"}},
	}
	for _, path := range examples(t) {
		for _, c := range cases {
			out := filepath.Join(t.TempDir(), "out.o")
			output(t, command, append([]string{"fold", path, "-o", out}, c.arguments...)...)
			if !bytes.Equal(fold(t, read(t, path), c.opts).ELF, read(t, out)) {
				t.Errorf("%s %v: other bytes than the command's; if the sources changed, "+
					"run bindings/wasm/build.sh", path, c.arguments)
			}
		}
	}
}

func TestAllOptionsAreHandedOn(t *testing.T) {
	command := native(t)
	out := filepath.Join(t.TempDir(), "out.o")
	output(t, command, "fold", agentObject, "-o", out, "--entry", "agent", "--freeze-all",
		"--set", "cfg.debug=false", "--set", "cfg.feature={.tls = true}",
		"--keep-map", "events_perf", "--keep-func", "report", "--keep-var", "cfg",
		"--tail-map", "handlers=handle_icmp")
	result := fold(t, read(t, agentObject), Options{
		Entries: []string{"agent"}, FreezeAll: true,
		Values:   map[string]string{"cfg.debug": "false", "cfg.feature": "{.tls = true}"},
		KeepMaps: []string{"events_perf"}, KeepFunctions: []string{"report"},
		KeepVariables: []string{"cfg"}, TailMaps: []string{"handlers=handle_icmp"},
	})
	if !bytes.Equal(result.ELF, read(t, out)) {
		t.Error("other bytes than the command's")
	}

	kernel := "../../tests/kernels/5.10/"
	output(t, command, "fold", "../../examples/portable.bpf.o", "-o", out, "--kernel", "5.10.0",
		"--kconfig", kernel+"config", "--kallsyms", kernel+"kallsyms", "--btf", kernel+"btf",
		"--core", "all", "--freeze", "mark")
	result = fold(t, read(t, "../../examples/portable.bpf.o"), Options{
		KernelVersion: "5.10.0", KernelConfig: read(t, kernel+"config"),
		KernelSymbols: read(t, kernel+"kallsyms"), KernelBTF: read(t, kernel+"btf"),
		CORE: COREAll, Freeze: []string{"mark"},
	})
	if !bytes.Equal(result.ELF, read(t, out)) {
		t.Error("other bytes than the command's for a kernel")
	}
}

func TestResultSaysWhatWasDone(t *testing.T) {
	elf := read(t, agentObject)
	opts := Options{Entries: []string{"agent"}, FreezeAll: true, Values: map[string]string{
		"cfg": "{.transport = TRANSPORT_PERF, .feature = {.tls = true}}",
	}}
	result := fold(t, elf, opts)
	for _, want := range []string{"buckets", "events_ring", "debug_last", "dns_ports", "icmp_types"} {
		if !slices.Contains(result.DroppedMaps, want) {
			t.Errorf("%s is not among %v", want, result.DroppedMaps)
		}
	}
	if !slices.Contains(result.DroppedFunctions, "handle_dns") ||
		slices.Contains(result.DroppedFunctions, "handle_tls") {
		t.Errorf("dropped functions: %v", result.DroppedFunctions)
	}
	if !slices.Equal(result.DroppedVariables, []string{"cfg"}) {
		t.Errorf("dropped variables: %v", result.DroppedVariables)
	}
	if result.InstructionsAfter == 0 || result.InstructionsAfter >= result.InstructionsBefore {
		t.Errorf("%d of %d instructions", result.InstructionsAfter, result.InstructionsBefore)
	}
	if !strings.Contains(result.Text, "dropped map buckets") || !json.Valid(result.JSON) {
		t.Errorf("text: %s\njson: %s", result.Text, result.JSON)
	}
	opts.KeepInterface = true
	result = fold(t, elf, opts)
	if !slices.Contains(result.UnneededMaps, "buckets") || len(result.DroppedMaps) > 0 ||
		!slices.Contains(result.UnneededPrograms, "handle_dns") {
		t.Errorf("unneeded: %v %v, dropped: %v",
			result.UnneededMaps, result.UnneededPrograms, result.DroppedMaps)
	}
}

func TestErrorsSayWhatIsWrong(t *testing.T) {
	elf := read(t, agentObject)
	for want, opts := range map[string]Options{
		"has no member `nothing`": {Values: map[string]string{"cfg.nothing": "1"}},
		"nowhere":                 {KeepMaps: []string{"nowhere"}},
		"zero byte":               {Freeze: []string{"cfg\x00"}},
		"bytes":                   {Sections: map[string][]byte{".rodata": {1}}},
		"version":                 {KernelVersion: "new"},
	} {
		_, err := Fold(context.Background(), elf, opts)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in: %v", want, err)
		}
	}
	for _, damaged := range [][]byte{nil, {}, []byte("no object"), elf[:len(elf)/2]} {
		if _, err := Fold(context.Background(), damaged, Options{}); err == nil {
			t.Errorf("%d bytes of an object are folded", len(damaged))
		}
	}
}

func TestTrapsAreErrors(t *testing.T) {
	folder, err := shared()
	if err != nil {
		t.Fatal(err)
	}
	run, err := folder.start(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	defer run.stop()
	// Bytes outside of the module's memory.
	_, err = run.call("bpfold_open", 0x7fff0000, 0x1000, uint64(run.failure))
	if err == nil || !strings.Contains(err.Error(), "a bug of bpfold") {
		t.Errorf("no trap: %v", err)
	}
	// Others are not concerned.
	fold(t, read(t, agentObject), Options{})
}

func TestContextEndsFold(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err := Fold(ctx, read(t, agentObject), Options{})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("not cancelled: %v", err)
	}
}

func TestContextEndsFoldThatRuns(t *testing.T) {
	folder, err := New(context.Background(), Config{Interpret: true, Interruptible: true})
	if err != nil {
		t.Fatal(err)
	}
	defer folder.Close(context.Background())
	elf := read(t, "../../examples/aya_agent.bpf.o")
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	_, err = folder.Fold(ctx, elf, Options{FreezeAll: true})
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("not stopped: %v", err)
	}
	// Others are not concerned.
	if _, err = folder.Fold(context.Background(), elf, Options{FreezeAll: true}); err != nil {
		t.Error(err)
	}
}

func TestFoldsAtOnce(t *testing.T) {
	elf := read(t, agentObject)
	want := fold(t, elf, Options{FreezeAll: true}).ELF
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			result, err := Fold(context.Background(), elf, Options{FreezeAll: true})
			if err != nil || !bytes.Equal(result.ELF, want) {
				t.Errorf("another result beside other folds: %v", err)
			}
		})
	}
	group.Wait()
}

func TestFoldsLeaveNothingBehind(t *testing.T) {
	elf := read(t, agentObject)
	used := func(folds int) uint64 {
		for range folds {
			fold(t, elf, Options{FreezeAll: true})
			// Also what fails.
			if _, err := Fold(context.Background(), elf[:100], Options{}); err == nil {
				t.Fatal("a piece of an object is folded")
			}
		}
		runtime.GC()
		var stats runtime.MemStats
		runtime.ReadMemStats(&stats)
		return stats.HeapAlloc
	}
	before := used(5)
	if after := used(60); after > before+1<<20 {
		t.Errorf("%d bytes are used after 60 folds, %d before", after, before)
	}
}

func TestFolderWithCache(t *testing.T) {
	ctx := context.Background()
	dir := t.TempDir()
	elf := read(t, agentObject)
	for range 2 {
		folder, err := New(ctx, Config{CacheDir: dir})
		if err != nil {
			t.Fatal(err)
		}
		result, err := folder.Fold(ctx, elf, Options{FreezeAll: true})
		if err != nil || !bytes.Equal(result.ELF, fold(t, elf, Options{FreezeAll: true}).ELF) {
			t.Errorf("another result with a cache: %v", err)
		}
		if err := folder.Close(ctx); err != nil {
			t.Error(err)
		}
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) == 0 {
		t.Errorf("nothing is in the cache: %v", err)
	}
}

// A kernel that takes an object takes it folded.
func TestFoldedObjectsLoad(t *testing.T) {
	needKernel(t)
	loaded := 0
	for _, path := range examples(t) {
		elf := read(t, path)
		spec, err := ebpf.LoadCollectionSpecFromReader(bytes.NewReader(elf))
		if err != nil {
			t.Logf("%s is not read as it is: %v", path, err)
			continue
		}
		before, err := ebpf.NewCollection(spec)
		if err != nil {
			t.Logf("%s is not loaded as it is: %v", path, err)
			continue
		}
		before.Close()
		for _, opts := range []Options{{FreezeAll: true}, {FreezeAll: true, KeepInterface: true}} {
			after, err := ebpf.NewCollection(specOf(t, fold(t, elf, opts).ELF))
			if err != nil {
				t.Errorf("%s: %v", path, err)
				continue
			}
			after.Close()
			loaded++
		}
	}
	if loaded < 6 {
		t.Errorf("only %d objects are loaded", loaded)
	}
}
