//! Errors with their causes.

use std::error::Error;

/// An error and everything that caused it, in one line: the outermost alone says that something failed, not why.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
