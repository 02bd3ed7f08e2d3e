//! The audit log over HTTP: the same bytes as they were written, in pieces, so that its size does not matter.

use crate::server::Lifetime;
use bytes::Bytes;
use futures::stream;
use http_body_util::StreamBody;
use hyper::body::{Body, Frame};
use std::io::{self, Read};
use vyrox_audit::log::Segment;

/// Held at once for each export, beside what the connection buffers.
const PIECE: usize = 64 * 1024;

/// The files one after the other, decompressed where need be, each up to what was synced when the export was asked for. A
/// file that cannot be read ends it with an error, so that the reader does not take a part for the whole. The connection's
/// `lifetime` begins anew with each piece, since one is asked for only when the ones before it have been taken.
pub(crate) fn stream(
    segments: Vec<Segment>,
    lifetime: Lifetime,
) -> impl Body<Data = Bytes, Error = io::Error> + Send + 'static {
    let export = Export { segments: segments.into_iter(), open: None };
    StreamBody::new(stream::try_unfold(export, move |mut export| {
        lifetime.begin();
        // Reading and decompressing take their time; others must not wait for it.
        let step = move || export.piece().map(|piece| piece.map(|piece| (Frame::data(piece), export)));
        async { tokio::task::spawn_blocking(step).await.map_err(io::Error::other)? }
    }))
}

struct Export {
    segments: std::vec::IntoIter<Segment>,
    open: Option<Box<dyn Read + Send>>,
}

impl Export {
    /// The next piece; `None` at the end.
    fn piece(&mut self) -> io::Result<Option<Bytes>> {
        let mut piece = Vec::with_capacity(PIECE);
        while piece.len() < PIECE {
            let Some(open) = &mut self.open else {
                let Some(segment) = self.segments.next() else { break };
                self.open = Some(Box::new(segment.open()?));
                continue;
            };
            let room = (PIECE - piece.len()) as u64;
            if open.take(room).read_to_end(&mut piece)? == 0 {
                self.open = None;
            }
        }
        Ok((!piece.is_empty()).then(|| piece.into()))
    }
}
