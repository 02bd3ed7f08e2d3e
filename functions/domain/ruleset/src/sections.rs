//! Several stretches of bytes as one. Where each lies stands in front, so that to take them apart nothing of them is read.
//!
//! ```text
//! kind: 4 bytes | how many: 4 | of each: where it begins: 4, how long it is: 4 | the sections, each at a multiple of 8
//! ```
//!
//! Numbers have the lowest byte first.

/// Where a section may begin: numbers of eight bytes then lie in one line of the cache.
const MULTIPLE: usize = 8;

/// Bytes are not what they should be: of another kind or version, or cut off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not compiled rules of this version, or not all of them")]
pub struct Malformed;

/// All `sections` as one.
pub(crate) fn write<const N: usize>(kind: [u8; 4], sections: [&[u8]; N]) -> Vec<u8> {
    let small = |number: usize| u32::try_from(number).expect("compiled rules are far below 4 GiB").to_le_bytes();
    let (mut head, mut body) = (Vec::from(kind), Vec::new());
    head.extend(small(N));
    let first = (head.len() + 8 * N).next_multiple_of(MULTIPLE);
    for section in sections {
        head.extend(small(first + body.len()));
        head.extend(small(section.len()));
        body.extend(section);
        body.resize(body.len().next_multiple_of(MULTIPLE), 0);
    }
    head.resize(first, 0);
    head.extend(body);
    head
}

/// What [`write`] was given.
pub(crate) fn read<const N: usize>(kind: [u8; 4], bytes: &[u8]) -> Result<[&[u8]; N], Malformed> {
    let number = |at: usize| {
        let bytes = bytes.get(at..).and_then(|rest| rest.first_chunk()).ok_or(Malformed)?;
        Ok(u32::from_le_bytes(*bytes) as usize)
    };
    if !bytes.starts_with(&kind) || number(kind.len())? != N {
        return Err(Malformed);
    }
    let mut sections = [&[][..]; N];
    for (place, section) in sections.iter_mut().enumerate() {
        let at = 2 * kind.len() + 8 * place;
        let (start, len) = (number(at)?, number(at + 4)?);
        *section = bytes.get(start..start.saturating_add(len)).ok_or(Malformed)?;
    }
    Ok(sections)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read_and_nothing_else_is() {
        let sections: [&[u8]; 4] = [b"one", b"", b"and two", b"4"];
        let bytes = write(*b"kind", sections);
        assert_eq!(read(*b"kind", &bytes), Ok(sections));
        assert_eq!(read::<4>(*b"kine", &bytes), Err(Malformed));
        assert_eq!(read::<3>(*b"kind", &bytes), Err(Malformed));
        for length in 0..bytes.len() - (MULTIPLE - 1) {
            assert_eq!(read::<4>(*b"kind", &bytes[..length]), Err(Malformed), "{length}");
        }
    }
}
