//! Several workers and a bar of progress.

use std::sync::{Mutex, MutexGuard, PoisonError};

use anyhow::Result;
use indicatif::{ProgressBar, ProgressStyle};

/// Items between lines of progress where there is no terminal.
const PROGRESS_LINES: u64 = 100;

/// What a worker made of an item: its name, the result, and lines to print at once.
pub type Worked<R> = (String, R, Vec<String>);

/// Works on items, `jobs` at the same time; stops at the first error.
pub fn work<T: Send, R: Send>(
    items: Vec<T>,
    jobs: usize,
    worker: impl Fn(T) -> Result<Worked<R>> + Sync,
) -> Result<Vec<R>> {
    let bar = progress(items.len() as u64)?;
    let queue = Mutex::new(items.into_iter());
    let found = Mutex::new(Vec::new());
    let worked = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..jobs.max(1))
            .map(|_| {
                scope.spawn(|| -> Result<()> {
                    loop {
                        let next = lock(&queue).next();
                        let Some(item) = next else { return Ok(()) };
                        let (name, result, lines) = worker(item)?;
                        bar.set_message(name);
                        bar.suspend(|| lines.iter().for_each(|line| println!("{line}")));
                        lock(&found).push(result);
                        bar.inc(1);
                        // A bar is drawn on terminals only.
                        if bar.is_hidden() && bar.position().is_multiple_of(PROGRESS_LINES) {
                            println!("{} of {}", bar.position(), bar.length().unwrap_or(0));
                        }
                    }
                })
            })
            .collect();
        threads.into_iter().map(join).collect::<Result<Vec<()>>>()
    });
    bar.finish_and_clear();
    worked?;
    Ok(found.into_inner().unwrap_or_default())
}

fn progress(count: u64) -> Result<ProgressBar> {
    let style = "{bar:30} {pos}/{len} {elapsed} (ETA {eta}) {wide_msg}";
    Ok(ProgressBar::new(count).with_style(ProgressStyle::with_template(style)?))
}

/// A lock, also after a worker panicked.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn join(thread: std::thread::ScopedJoinHandle<'_, Result<()>>) -> Result<()> {
    thread.join().unwrap_or_else(|_| Err(anyhow::anyhow!("a worker panicked")))
}
