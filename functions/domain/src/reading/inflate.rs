//! What compressed bytes unpack to, up to a limit.

use super::FIELD_LIMIT;
use super::deflate::may_be_deflate;
use miniz_oxide::inflate::{decompress_to_vec_with_limit, decompress_to_vec_zlib_with_limit};

/// What gzip, zlib or a bare deflate stream unpacks to, at most [`FIELD_LIMIT`] bytes of it; `None` if `bytes` are none of them.
/// Their beginnings are told apart by the first bytes.
pub(crate) fn decompressed(bytes: &[u8]) -> Option<Vec<u8>> {
    // What was cut off at the limit is still worth reading.
    let partial = |result: Result<Vec<u8>, miniz_oxide::inflate::DecompressError>| match result {
        Ok(bytes) => Some(bytes),
        Err(error) => Some(error.output).filter(|bytes| !bytes.is_empty()),
    };
    match bytes {
        [0x1f, 0x8b, 8, flags, ..] => {
            let body = gzip_body(bytes, *flags)?;
            partial(decompress_to_vec_with_limit(body, FIELD_LIMIT))
        }
        [0x78, 0x01 | 0x5e | 0x9c | 0xda, ..] => partial(decompress_to_vec_zlib_with_limit(bytes, FIELD_LIMIT)),
        _ if bytes.len() >= 16 && may_be_deflate(bytes) => decompress_to_vec_with_limit(bytes, FIELD_LIMIT).ok(),
        _ => None,
    }
}

/// After the header with its optional parts.
fn gzip_body(bytes: &[u8], flags: u8) -> Option<&[u8]> {
    let mut rest = bytes.get(10..)?;
    if flags & 0b100 != 0 {
        let length = usize::from(u16::from_le_bytes([*rest.first()?, *rest.get(1)?]));
        rest = rest.get(2 + length..)?;
    }
    for bit in [0b1000, 0b1_0000] {
        if flags & bit != 0 {
            let end = rest.iter().position(|byte| *byte == 0)?;
            rest = &rest[end + 1..];
        }
    }
    if flags & 0b10 != 0 { rest.get(2..) } else { Some(rest) }
}
