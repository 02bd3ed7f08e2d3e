//! How a stranger verifies the pack: the instructions, the second verifier, and the specification for a third.

use super::Subject;
use super::keys::Keys;
use super::pack::Pack;
use crate::table;

const VERIFY: &str = include_str!("../../../../edge-proxy/audit/verify.py");
const SIGNATURES: &str = include_str!("../../../../edge-proxy/audit/p256.py");
const SPECIFICATION: &str = include_str!("../../../../docs/audit-chain.md");
const GUIDE: &str = include_str!("guide.md");

/// Writes `README.md` and the folder `verifier`.
pub(super) fn write(subject: &Subject, keys: &Keys, pack: &mut Pack) -> std::io::Result<()> {
    pack.put("verifier/verify.py", VERIFY)?;
    pack.put("verifier/p256.py", SIGNATURES)?;
    pack.put("verifier/audit-chain.md", SPECIFICATION)?;
    pack.put("README.md", guide(subject, keys))
}

fn guide(subject: &Subject, keys: &Keys) -> String {
    let ids: String =
        keys.iter().map(|key| format!("| `{}` | {} | `{}` |\n", key.file, key.signs(), key.public.id())).collect();
    let made_at = subject.made_at;
    let crosscheck = match subject.logs.as_slice() {
        [] => "No proxy's log is in this pack. Ask for it, and compare both sides:\n\n```sh\nvyrox-audit crosscheck \
               audit/cloud.jsonl PROXY_LOG --checkpoint-key keys/checkpoint.pem\n```"
            .to_owned(),
        logs => {
            let logs = logs.join(" ");
            let python = format!("python3 verifier/verify.py {}\n```", logs.split(' ').next().unwrap_or_default());
            format!(
                "Each side noted the other's heads; a log that was cut or rewritten, though it verifies by itself, is found \
                 so:\n\n```sh\nvyrox-audit crosscheck audit/cloud.jsonl {logs} --checkpoint-key keys/checkpoint.pem --as-of {made_at}\n{python}"
            )
        }
    };
    [
        ("{tenant}", subject.tenant.to_string()),
        ("{from}", subject.period.first()),
        ("{to}", subject.period.last()),
        ("{made}", table::time(made_at)),
        ("{as_of}", made_at.to_string()),
        ("{keys}", ids),
        ("{crosscheck}", crosscheck),
    ]
    .into_iter()
    .fold(GUIDE.to_owned(), |text, (name, value)| text.replace(name, &value))
}
