//! Completion scripts and the man page, both made of the arguments' definition.

use std::io::{self, Write};

use clap::CommandFactory;

use super::args::{Args, CompletionsArgs, ManArgs};
use super::error::CliError;

/// `bpfold completions`.
pub fn completions(args: &CompletionsArgs) -> Result<(), CliError> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Args::command(), "bpfold", &mut script);
    Ok(io::stdout().lock().write_all(&script)?)
}

/// `bpfold man`: the page of the command or of one subcommand.
pub fn man(args: &ManArgs) -> Result<(), CliError> {
    let mut command = Args::command();
    command.build();
    if let Some(name) = &args.subcommand {
        let known = command.find_subcommand(name).cloned();
        command = known.ok_or_else(|| CliError::NoSubcommand { name: name.clone() })?;
        let title = format!("bpfold-{name}");
        command = command.display_name(title);
    }
    let mut page = Vec::new();
    clap_mangen::Man::new(command).render(&mut page)?;
    // The section of examples has another name there.
    let page = String::from_utf8_lossy(&page);
    let page = page.replace(".SH EXTRA\nExamples:\n", ".SH EXAMPLES\n.nf\n").into_bytes();
    Ok(io::stdout().lock().write_all(&page)?)
}
