//! Where the bytes come from: files and streams, compressed or not. What they are is seen by their first bytes.

use flate2::bufread::MultiGzDecoder;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

const GZIP: &[u8] = &[0x1f, 0x8b];
const ZSTD: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];
const BUFFER: usize = 256 * 1024;

/// A log's files in a directory, in order. A day that is there in two forms, because a crash came while it was compressed, is
/// read once, from the plain one.
pub(super) fn files(dir: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for item in std::fs::read_dir(dir)? {
        let path = item?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let plain = name.trim_end_matches(".gz").trim_end_matches(".zst");
        if plain.starts_with("audit-") && plain.ends_with(".jsonl") {
            files.push((plain.to_owned(), path));
        }
    }
    // A plain name sorts before the same with an ending.
    files.sort_unstable();
    files.dedup_by(|(second, _), (first, _)| second == first);
    Ok(files.into_iter().map(|(_, path)| path).collect())
}

/// A file's content.
pub(super) fn open(path: &Path) -> io::Result<Box<dyn BufRead>> {
    decompressed(BufReader::with_capacity(BUFFER, File::open(path)?))
}

/// A stream's content.
pub(super) fn decompressed<'s>(mut stream: impl BufRead + 's) -> io::Result<Box<dyn BufRead + 's>> {
    let mut start = Vec::new();
    // Not `fill_buf`, which may give less than is there.
    stream.by_ref().take(4).read_to_end(&mut start)?;
    let (is_gzip, is_zstd) = (start.starts_with(GZIP), start.starts_with(ZSTD));
    let whole = io::Cursor::new(start).chain(stream);
    if is_gzip {
        Ok(Box::new(BufReader::with_capacity(BUFFER, MultiGzDecoder::new(whole))))
    } else if is_zstd {
        Ok(Box::new(BufReader::with_capacity(BUFFER, Frames { source: whole, frame: None })))
    } else {
        Ok(Box::new(whole))
    }
}

/// Zstandard frames, one after another, as `cat` makes them.
struct Frames<R> {
    source: R,
    frame: Option<Box<ruzstd::decoding::FrameDecoder>>,
}

impl<R: BufRead> Read for Frames<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};
        loop {
            let Some(frame) = &mut self.frame else {
                if self.source.fill_buf()?.is_empty() {
                    return Ok(0);
                }
                let mut frame = FrameDecoder::new();
                frame.init(&mut self.source).map_err(io::Error::other)?;
                self.frame = Some(Box::new(frame));
                continue;
            };
            while frame.can_collect() == 0 && !frame.is_finished() {
                let strategy = BlockDecodingStrategy::UptoBlocks(1);
                frame.decode_blocks(&mut self.source, strategy).map_err(io::Error::other)?;
            }
            let read = frame.read(out)?;
            if read > 0 || out.is_empty() {
                return Ok(read);
            }
            self.frame = None;
        }
    }
}
