//! `/vyrox audit export`: the audit as JSON lines, for the one who asked. The same bytes that were hashed, so anybody can
//! verify them with `vyrox-audit`.

use crate::{Asked, Assist, AssistError, Reply, warn};
use flate2::Compression;
use flate2::write::GzEncoder;
use futures::TryStreamExt as _;
use std::io::Write as _;
use std::pin::pin;
use vyrox_domain::card::{Ephemeral, Tone};
use vyrox_domain::text::Shown;
use vyrox_platform::audit_export;
use vyrox_platform::bot::Attachment;

/// What a server without boosts takes as a file, with a margin, in bytes.
const MOST_BYTES: usize = 9 << 20;
/// What is packed at most, in bytes: it is held in memory.
const MOST_UNPACKED: usize = 96 << 20;

impl Assist {
    pub(crate) async fn export(&self, asked: &Asked) -> Result<Reply, AssistError> {
        let tenant_id = asked.tenant_id();
        // Entered first, so that the export tells of itself.
        let event = self.entry(asked, "AUDIT_EXPORTED");
        let mut chunks = pin!(audit_export::export(self.table.clone(), &self.ledger, tenant_id, &event).await?);
        let mut file = GzEncoder::new(Vec::new(), Compression::default());
        let (mut entries, mut unpacked) = (0_i64, 0);
        while let Some(chunk) = chunks.try_next().await? {
            file.write_all(&chunk)?;
            entries += chunk.iter().map(|byte| i64::from(*byte == b'\n')).sum::<i64>();
            unpacked += chunk.len();
            if unpacked > MOST_UNPACKED {
                return Ok(too_large().into());
            }
        }
        let bytes = file.finish()?;
        if bytes.len() > MOST_BYTES {
            return Ok(too_large().into());
        }
        let line = Shown::join([Shown::number(entries).bold(), Shown::literal(" entries of the audit, as JSON lines")]);
        let how = "gunzip audit.jsonl.gz && vyrox-audit verify audit.jsonl";
        let text = Shown::literal(
            "The verifier recomputes every hash and needs nothing of ours. Note the heads that it prints.",
        );
        let fields = [(Shown::literal("Verify"), Shown::fence(how, 100))];
        let message = Ephemeral::panel(line, Tone::Good, "Audit", text, fields);
        Ok(Reply { message, files: vec![Attachment { name: "audit.jsonl.gz", kind: "application/gzip", bytes }] })
    }
}

fn too_large() -> Ephemeral {
    warn("The audit is too large for Discord. Your operator can export it: `vyroxctl audit export`.")
}
