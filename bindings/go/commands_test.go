// SPDX-License-Identifier: MIT OR Apache-2.0

package bpfold

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The commands of the README.

func TestAnotherModuleUsesThis(t *testing.T) {
	here, err := filepath.Abs(".")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	source := `package main

import (
	"context"
	"os"

	"bpfold.example/bpfold"
)

func main() {
	elf, err := os.ReadFile(os.Args[1])
	if err == nil {
		_, err = bpfold.Fold(context.Background(), elf, bpfold.Options{})
	}
	if err != nil {
		panic(err)
	}
}
`
	if err := os.WriteFile(filepath.Join(dir, "main.go"), []byte(source), 0o600); err != nil {
		t.Fatal(err)
	}
	object, err := filepath.Abs(agentObject)
	if err != nil {
		t.Fatal(err)
	}
	for _, arguments := range [][]string{
		{"mod", "init", "example.com/agent"},
		{"mod", "edit", "-require=bpfold.example/bpfold@v0.0.0",
			"-replace=bpfold.example/bpfold=" + here},
		{"mod", "tidy"},
		{"run", ".", object},
	} {
		command := exec.Command("go", arguments...)
		command.Dir = dir
		command.Env = append(command.Environ(), "CGO_ENABLED=0")
		if out, err := command.CombinedOutput(); err != nil {
			t.Fatalf("go %v: %v\n%s", arguments, err, out)
		}
	}
}

func TestInterfacesAreKept(t *testing.T) {
	text := output(t, "go", "run", "./internal/interfaces", "../../examples", "../../tests/objects")
	if !strings.Contains(text, " 0 missing or changed") {
		t.Error(text)
	}
	t.Log(text)
}
