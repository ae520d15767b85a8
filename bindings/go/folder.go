// SPDX-License-Identifier: MIT OR Apache-2.0

package bpfold

import (
	"bytes"
	"compress/gzip"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"runtime"
	"sync"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/experimental"
)

// Made by bindings/wasm/build.sh.
//
//go:embed bpfold.wasm.gz
var compressed []byte

// Config says how a [Folder] runs bpfold.
type Config struct {
	// CacheDir is where machine code is kept for the next process; empty is nowhere. Whoever
	// can write there can run code in this process, so it must be this user's own.
	CacheDir string
	// Interpret runs bpfold without compiling it first. That starts faster and folds slower.
	Interpret bool
	// Interruptible lets the end of a context stop a fold that runs; folds then take half as
	// long again. Without it a context is asked before the fold.
	Interruptible bool
}

// Folder holds bpfold, ready to run. Several goroutines can use one at once.
type Folder struct {
	runtime wazero.Runtime
	cache   wazero.CompilationCache
	module  wazero.CompiledModule
}

// New makes bpfold ready to run.
func New(ctx context.Context, config Config) (*Folder, error) {
	code, err := module()
	if err != nil {
		return nil, err
	}
	runtimeConfig := wazero.NewRuntimeConfig()
	if config.Interpret {
		runtimeConfig = wazero.NewRuntimeConfigInterpreter()
	}
	folder := &Folder{}
	if config.CacheDir != "" {
		folder.cache, err = wazero.NewCompilationCacheWithDir(config.CacheDir)
		if err != nil {
			return nil, fmt.Errorf("bpfold: the cache in %s: %w", config.CacheDir, err)
		}
		runtimeConfig = runtimeConfig.WithCompilationCache(folder.cache)
	}
	runtimeConfig = runtimeConfig.WithCloseOnContextDone(config.Interruptible)
	folder.runtime = wazero.NewRuntimeWithConfig(ctx, runtimeConfig)
	workers := experimental.WithCompilationWorkers(ctx, runtime.GOMAXPROCS(0))
	folder.module, err = folder.runtime.CompileModule(workers, code)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("bpfold: compiling the module: %w", err), folder.Close(ctx))
	}
	return folder, nil
}

// Close frees what New has made. No fold may run any more.
func (f *Folder) Close(ctx context.Context) error {
	err := f.runtime.Close(ctx)
	if f.cache != nil {
		err = errors.Join(err, f.cache.Close(ctx))
	}
	return err
}

func module() ([]byte, error) {
	reader, err := gzip.NewReader(bytes.NewReader(compressed))
	if err != nil {
		return nil, fmt.Errorf("bpfold: the module: %w", err)
	}
	code, err := io.ReadAll(reader)
	if err != nil {
		return nil, fmt.Errorf("bpfold: the module: %w", err)
	}
	return code, nil
}

// The folder of Fold and FoldSpec. It lives as long as the process.
var shared = sync.OnceValues(func() (*Folder, error) {
	return New(context.Background(), Config{})
})

// Fold folds an object file.
func (f *Folder) Fold(ctx context.Context, elf []byte, opts Options) (*Result, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("bpfold: %w", err)
	}
	// Each fold has a memory of its own, which is gone afterwards.
	run, err := f.start(ctx)
	if err != nil {
		return nil, err
	}
	defer run.stop()
	return run.fold(elf, opts)
}
