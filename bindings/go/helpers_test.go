// SPDX-License-Identifier: MIT OR Apache-2.0

package bpfold

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/cilium/ebpf"
)

// leaveOut skips a test for what the machine lacks; with CI=true nothing may be missing.
func leaveOut(t testing.TB, why string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatal(why)
	}
	t.Skip(why)
}

func examples(t testing.TB) []string {
	t.Helper()
	paths, err := filepath.Glob("../../examples/*.bpf.o")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no examples: %v", err)
	}
	return paths
}

func read(t testing.TB, path string) []byte {
	t.Helper()
	elf, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return elf
}

func specOf(t testing.TB, elf []byte) *ebpf.CollectionSpec {
	t.Helper()
	spec, err := ebpf.LoadCollectionSpecFromReader(bytes.NewReader(elf))
	if err != nil {
		t.Fatal(err)
	}
	return spec
}

func fold(t testing.TB, elf []byte, opts Options) *Result {
	t.Helper()
	result, err := Fold(context.Background(), elf, opts)
	if err != nil {
		t.Fatal(err)
	}
	return result
}

func foldSpec(
	t testing.TB, elf []byte, spec *ebpf.CollectionSpec, opts Options,
) (*ebpf.CollectionSpec, *Result) {
	t.Helper()
	folded, result, err := FoldSpec(context.Background(), elf, spec, opts)
	if err != nil {
		t.Fatal(err)
	}
	return folded, result
}

// needKernel skips a test that loads programs where that is not allowed.
func needKernel(t testing.TB) {
	t.Helper()
	m, err := ebpf.NewMap(&ebpf.MapSpec{Type: ebpf.Array, KeySize: 4, ValueSize: 4, MaxEntries: 1})
	if err != nil {
		leaveOut(t, "bpf(2) is not allowed: "+err.Error())
	}
	m.Close()
}

// native is the command of the same sources.
func native(t testing.TB) string {
	t.Helper()
	if command := os.Getenv("BPFOLD"); command != "" {
		return command
	}
	for _, profile := range []string{"release", "debug"} {
		command := filepath.Join("../../target", profile, "bpfold")
		if _, err := os.Stat(command); err == nil {
			return command
		}
	}
	leaveOut(t, "there is no command to compare with: cargo build, or set BPFOLD")
	return ""
}

func output(t testing.TB, command string, arguments ...string) string {
	t.Helper()
	out, err := exec.Command(command, arguments...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %v: %v\n%s", command, arguments, err, out)
	}
	return string(out)
}

// set gives a variable a value.
func set(t testing.TB, spec *ebpf.CollectionSpec, name string, value any) {
	t.Helper()
	if err := spec.Variables[name].Set(value); err != nil {
		t.Fatal(err)
	}
}
