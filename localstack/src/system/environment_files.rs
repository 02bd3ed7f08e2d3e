//! What each function is told, as files: for `cargo lambda watch --env-file`.

use std::collections::BTreeMap;
use std::fs::{DirBuilder, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;

/// One file `NAME.env` for each function, with a line `VARIABLE=VALUE` for each of its variables.
///
/// # Errors
/// The file system's; and a value of several lines, which the form has no place for.
pub(super) fn write(directory: &Path, environments: &BTreeMap<String, BTreeMap<String, String>>) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
    for (name, environment) in environments {
        if let Some((variable, _)) = environment.iter().find(|(_, value)| value.contains('\n')) {
            return Err(io::Error::other(format!("{variable} of {name} has several lines")));
        }
        let text: String = environment.iter().map(|(variable, value)| format!("{variable}={value}\n")).collect();
        let file = directory.join(format!("{name}.env"));
        // Anew, so that it has this mode whatever was there.
        if file.exists() {
            std::fs::remove_file(&file)?;
        }
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(file)?.write_all(text.as_bytes())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::write;
    use std::collections::BTreeMap;
    use std::os::unix::fs::PermissionsExt as _;

    fn environment(value: &str) -> BTreeMap<String, BTreeMap<String, String>> {
        let variables = [("VYROX_A", value), ("VYROX_B", "")].map(|(name, value)| (name.to_owned(), value.to_owned()));
        BTreeMap::from([("ingest".to_owned(), BTreeMap::from(variables))])
    }

    #[test]
    fn each_function_has_a_file_that_only_its_owner_reads() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("ingest.env");
        std::fs::write(&file, "of an earlier run, open to all").unwrap();
        write(directory.path(), &environment("one=1,two")).unwrap();
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "VYROX_A=one=1,two\nVYROX_B=\n");
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_value_of_several_lines_is_refused_without_showing_it() {
        let directory = tempfile::tempdir().unwrap();
        let wrong = write(directory.path(), &environment("one\nsecret")).unwrap_err().to_string();
        assert_eq!(wrong, "VYROX_A of ingest has several lines");
    }
}
