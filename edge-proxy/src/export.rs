//! The audit log over HTTP: the same bytes as on disk, in pieces, so that its size does not matter.

use bytes::Bytes;
use futures::{Stream, StreamExt as _, TryStreamExt as _, stream};
use tokio::io::AsyncReadExt as _;
use tokio_util::io::ReaderStream;
use vyrox_audit::log::Segment;

/// The files one after the other, each up to what was synced when the export was asked for.
pub(crate) fn stream(segments: Vec<Segment>) -> impl Stream<Item = std::io::Result<Bytes>> + Send + 'static {
    stream::iter(segments)
        .then(|segment| async move {
            let file = tokio::fs::File::open(&segment.path).await?;
            Ok::<_, std::io::Error>(ReaderStream::with_capacity(file.take(segment.len), 64 * 1024))
        })
        .try_flatten()
}
