//! The kernel's verdicts: each object in a process of its own with a time limit, and each
//! object once, since verdicts are kept by what was loaded.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use bpfold_kernel::{Failure, FailureClass, ObjectVerdict};
use serde::Deserialize;
use sha2::{Digest, Sha256};

/// Packets that each program is run with.
const PACKETS: u32 = 16;
/// Counted up when verdicts are told in another way, so that kept ones are not used.
const FORMAT: u32 = 3;

/// What is asked of the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Question {
    /// The verdict.
    Load,
    /// The verdict and what programs answer to packets; the number tells repetitions apart.
    Run(u32),
    /// The same, each program loaded without the others.
    RunAlone(u32),
    /// The verdict and what the verifier never visits.
    Unvisited,
}

impl Question {
    fn key(self) -> String {
        match self {
            Question::Load => "load".to_owned(),
            Question::Run(repetition) => format!("run-{PACKETS}-{repetition}"),
            Question::RunAlone(repetition) => format!("alone-{PACKETS}-{repetition}"),
            Question::Unvisited => "unvisited".to_owned(),
        }
    }

    fn arguments(self) -> Vec<String> {
        match self {
            Question::Load => Vec::new(),
            Question::Run(_) => vec!["--run".to_owned(), PACKETS.to_string()],
            Question::RunAlone(_) => {
                vec!["--alone".to_owned(), "--run".to_owned(), PACKETS.to_string()]
            }
            Question::Unvisited => vec!["--unvisited".to_owned()],
        }
    }
}

/// How many times as long an object may take that came in time before folding. Programs that are
/// refused after a million instructions take minutes, and some longer with other states.
const PATIENCE: u32 = 8;

/// Asks the running kernel.
pub struct Oracle {
    verdicts: PathBuf,
    work: tempfile::TempDir,
    limit: Duration,
    loads: AtomicU64,
    reused: AtomicU64,
}

#[derive(Deserialize)]
struct Line {
    verdict: ObjectVerdict,
}

impl Oracle {
    /// Keeps verdicts below `cache`; a process may take `limit`.
    pub fn new(cache: &Path, limit: Duration) -> Result<Oracle> {
        let release = bpfold_kernel::kernel_release();
        let verdicts = cache.join("verdicts").join(release);
        fs::create_dir_all(&verdicts)
            .with_context(|| format!("{}: cannot create", verdicts.display()))?;
        let work = tempfile::tempdir()?;
        Ok(Oracle { verdicts, work, limit, loads: 0.into(), reused: 0.into() })
    }

    /// How often it loaded an object, and how often it knew the verdict.
    pub fn counts(&self) -> (u64, u64) {
        (self.loads.load(Ordering::Relaxed), self.reused.load(Ordering::Relaxed))
    }

    /// The verdict on an object. `name` is its file's name up to the first dot.
    pub fn ask(&self, bytes: &[u8], name: &str, question: Question) -> Result<ObjectVerdict> {
        self.ask_within(bytes, name, question, self.limit)
    }

    /// As [`ask`](Self::ask), with more time.
    pub fn ask_patiently(
        &self,
        bytes: &[u8],
        name: &str,
        question: Question,
    ) -> Result<ObjectVerdict> {
        self.ask_within(bytes, name, question, self.limit * PATIENCE)
    }

    fn ask_within(
        &self,
        bytes: &[u8],
        name: &str,
        question: Question,
        limit: Duration,
    ) -> Result<ObjectVerdict> {
        let mut hash = Sha256::new();
        hash.update(bytes);
        hash.update([0]);
        hash.update(name);
        let key = format!("{:x}-{}-{FORMAT}.json", hash.finalize(), question.key());
        let place = self.verdicts.join(&key);
        if let Some(known) =
            fs::read(&place).ok().and_then(|text| serde_json::from_slice(&text).ok())
        {
            self.reused.fetch_add(1, Ordering::Relaxed);
            return Ok(known);
        }
        let number = self.loads.fetch_add(1, Ordering::Relaxed);
        let verdict = self.load(bytes, name, question, (number, limit))?;
        if verdict.whole.as_ref().is_some_and(|why| why.class == FailureClass::TimedOut) {
            // It could come in time on another day.
            return Ok(verdict);
        }
        // A reader never sees half of a verdict.
        let draft = self.verdicts.join(format!(".{key}.{}.{number}", std::process::id()));
        fs::write(&draft, serde_json::to_vec(&verdict)?)?;
        fs::rename(&draft, &place)?;
        Ok(verdict)
    }

    fn load(
        &self,
        bytes: &[u8],
        name: &str,
        question: Question,
        (number, limit): (u64, Duration),
    ) -> Result<ObjectVerdict> {
        let dir = self.work.path().join(number.to_string());
        fs::create_dir(&dir)?;
        let path = dir.join(format!("{name}.o"));
        fs::write(&path, bytes)?;
        let mut child = Command::new(std::env::current_exe()?)
            .args(["load", "--"])
            .args(question.arguments())
            .arg(&path)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let answer = self.answer(&mut child, limit);
        fs::remove_dir_all(&dir)?;
        let (status, out, error) = answer?;
        let failed = |class, message: String| ObjectVerdict {
            whole: Some(Failure { class, errno: 0, message }),
            maps: None,
            programs: Vec::new(),
            static_programs: false,
        };
        let Some(status) = status else {
            return Ok(failed(FailureClass::TimedOut, format!("after {limit:?}")));
        };
        match serde_json::from_slice::<Line>(&out) {
            Ok(line) if status.success() => Ok(line.verdict),
            _ if status.code().is_some() => {
                anyhow::bail!("{name}: {}", String::from_utf8_lossy(&error).trim())
            }
            // A signal: some programs send them, or write to the process.
            _ => Ok(failed(FailureClass::Died, status.to_string())),
        }
    }

    /// What a process printed; no status if it took too long.
    fn answer(
        &self,
        child: &mut Child,
        limit: Duration,
    ) -> Result<(Option<std::process::ExitStatus>, Vec<u8>, Vec<u8>)> {
        let mut out = child.stdout.take().context("no standard output")?;
        let mut error = child.stderr.take().context("no standard error")?;
        let deadline = Instant::now() + limit;
        std::thread::scope(|scope| {
            let out = scope.spawn(move || {
                let mut bytes = Vec::new();
                out.read_to_end(&mut bytes).map(|_| bytes)
            });
            let error = scope.spawn(move || {
                let mut bytes = Vec::new();
                error.read_to_end(&mut bytes).map(|_| bytes)
            });
            let mut pause = Duration::from_millis(2);
            let status = loop {
                if let Some(status) = child.try_wait()? {
                    break Some(status);
                }
                if Instant::now() > deadline {
                    child.kill()?;
                    child.wait()?;
                    break None;
                }
                std::thread::sleep(pause);
                pause = (pause * 2).min(Duration::from_millis(50));
            };
            let read = |thread: std::thread::ScopedJoinHandle<'_, std::io::Result<Vec<u8>>>| {
                thread.join().unwrap_or_else(|_| Ok(Vec::new()))
            };
            Ok((status, read(out)?, read(error)?))
        })
    }
}
