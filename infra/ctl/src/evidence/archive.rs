//! The pack as one file. Its files are read from the folder one after the other, so that their length does not matter.

use super::pack::Listed;
use crate::error::CtlError;
use std::fs::{File, OpenOptions};
use std::io::BufWriter;
use std::path::Path;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

/// From this length on a file needs the format's 64-bit fields.
const LARGE: u64 = 0xffff_0000;

/// Writes the listed files of `folder` into a new archive.
///
/// # Errors
/// What the operating system or the archive says.
pub(super) fn write(folder: &Path, files: &[Listed], archive: &Path) -> Result<(), CtlError> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut zip = ZipWriter::new(BufWriter::new(options.open(archive)?));
    for file in files {
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Deflated)
            .unix_permissions(0o600)
            .large_file(file.bytes >= LARGE);
        zip.start_file(file.name.as_str(), options)?;
        std::io::copy(&mut File::open(folder.join(&file.name))?, &mut zip)?;
    }
    let file = zip.finish()?.into_inner().map_err(std::io::IntoInnerError::into_error)?;
    file.sync_all()?;
    Ok(())
}
