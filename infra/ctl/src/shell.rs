//! `vyroxctl completions` and `vyroxctl man`: what shells and `man` know of the command line, made from the command line
//! itself, so that it cannot be out of date.

use crate::error::CtlError;
use clap::{Args, Command};
use clap_complete::Shell;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

/// The script for one shell, on standard output
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    vyroxctl completions bash >/etc/bash_completion.d/vyroxctl\n  \
    vyroxctl completions zsh >\"${fpath[1]}/_vyroxctl\"\n  \
    vyroxctl completions fish >~/.config/fish/completions/vyroxctl.fish")]
pub(crate) struct Completions {
    /// The shell
    shell: Shell,
}

/// The manual, in roff
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  vyroxctl man | man -l -\n  vyroxctl man --dir /usr/local/share/man/man1")]
pub(crate) struct Man {
    /// Write a page for each command into this folder, instead of the first page to standard output
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

impl Completions {
    pub(crate) fn run(self, command: &mut Command) -> Result<ExitCode, CtlError> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, command, "vyroxctl", &mut script);
        std::io::stdout().write_all(&script)?;
        Ok(ExitCode::SUCCESS)
    }
}

impl Man {
    pub(crate) fn run(self, command: Command) -> Result<ExitCode, CtlError> {
        match self.dir {
            Some(dir) => {
                let written = std::fs::create_dir_all(&dir).and_then(|()| clap_mangen::generate_to(command, &dir));
                written.map_err(|source| CtlError::NotWritten { path: dir.display().to_string(), source })?;
            }
            None => {
                let mut page = Vec::new();
                clap_mangen::Man::new(command).render(&mut page)?;
                std::io::stdout().write_all(&page)?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}
