// SPDX-License-Identifier: MIT OR Apache-2.0

package bpfold

import (
	"bytes"
	"context"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/cilium/ebpf"
)

// cpu reports the time that processors spend, which other processes change less than the clock's.
func cpu(b *testing.B) func() {
	used := func() float64 {
		var usage syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
			b.Fatal(err)
		}
		return float64(usage.Utime.Nano()+usage.Stime.Nano()) / 1e6
	}
	before := used()
	return func() { b.ReportMetric((used()-before)/float64(b.N), "cpu-ms/op") }
}

// The first fold of a process.
func BenchmarkFirstFold(b *testing.B) {
	elf := read(b, traceObject)
	cached := Config{CacheDir: b.TempDir()}
	for name, config := range map[string]Config{
		"compiled": {}, "cached": cached, "interpreted": {Interpret: true},
	} {
		first := func(b *testing.B) {
			folder, err := New(context.Background(), config)
			if err != nil {
				b.Fatal(err)
			}
			_, err = folder.Fold(context.Background(), elf, Options{FreezeAll: true})
			if err != nil {
				b.Fatal(err)
			}
			folder.Close(context.Background())
		}
		if config.CacheDir != "" {
			first(b)
		}
		b.Run(name, func(b *testing.B) {
			defer cpu(b)()
			for b.Loop() {
				first(b)
			}
		})
	}
}

// Each further one, beside reading the object and loading it.
func BenchmarkFold(b *testing.B) {
	for _, path := range examples(b) {
		elf := read(b, path)
		name := strings.TrimSuffix(filepath.Base(path), ".bpf.o")
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			fold(b, elf, Options{FreezeAll: true})
			defer cpu(b)()
			for b.Loop() {
				fold(b, elf, Options{FreezeAll: true})
			}
		})
	}
}

func BenchmarkLoad(b *testing.B) {
	needKernel(b)
	for _, path := range examples(b) {
		elf := read(b, path)
		folded := fold(b, elf, Options{FreezeAll: true}).ELF
		name := strings.TrimSuffix(filepath.Base(path), ".bpf.o")
		for which, elf := range map[string][]byte{"plain": elf, "folded": folded} {
			b.Run(name+"/"+which, func(b *testing.B) {
				defer cpu(b)()
				for b.Loop() {
					spec, err := ebpf.LoadCollectionSpecFromReader(bytes.NewReader(elf))
					if err != nil {
						b.Skip(err)
					}
					collection, err := ebpf.NewCollection(spec)
					if err != nil {
						b.Skip(err)
					}
					collection.Close()
				}
			})
		}
	}
}
