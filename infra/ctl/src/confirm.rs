//! Asking before something is taken away.

use crate::error::CtlError;
use clap::Args;
use std::io::{BufRead as _, IsTerminal as _, Write as _};

/// On every command that takes something away.
#[derive(Debug, Args)]
pub(crate) struct Confirm {
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
}

impl Confirm {
    /// Goes on only after a yes: the flag, or the word at the terminal. Where there is no terminal, nobody is asked and
    /// the answer is no.
    ///
    /// # Errors
    /// [`CtlError::Declined`], [`CtlError::NobodyToAsk`], [`CtlError::Io`].
    pub(crate) fn ask(&self, question: &str) -> Result<(), CtlError> {
        if self.yes {
            return Ok(());
        }
        let stdin = std::io::stdin();
        if !stdin.is_terminal() {
            return Err(CtlError::NobodyToAsk { question: question.to_owned() });
        }
        let mut stderr = std::io::stderr();
        write!(stderr, "{question} Type yes to go on: ")?;
        stderr.flush()?;
        let mut answer = String::new();
        stdin.lock().read_line(&mut answer)?;
        if answer.trim() == "yes" { Ok(()) } else { Err(CtlError::Declined) }
    }
}
