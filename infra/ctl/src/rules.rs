//! `vyroxctl rules`: what the detection rules say, why, and how fast; on this machine, without a deployment.

mod bench;
mod choice;
mod clock;
mod event;
mod explain;
mod fit;
mod lint;
mod replay;
mod score;

use crate::deployment::Deployment;
use crate::error::CtlError;
use choice::RuleChoice;
use clap::Subcommand;
use event::Event;
use std::path::PathBuf;
use vyrox_contract::TenantId;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Score process events: one JSON object a line in, `{"id","score","verdict"}` a line out
    #[command(after_help = "Examples:\n  vyroxctl rules score events.jsonl > scores.jsonl\n  \
        zcat events.jsonl.gz | vyroxctl rules score - --rules functions/domain/rules --explain | jq -c .matched\n\n\
        An event has any of id, os (windows, linux, macos), process_name, process_path, process_cmdline,\n\
        parent_process, parent_cmdline, username, vendor_severity; other keys are passed over.\n\
        The same events and rules give the same bytes.")]
    Score {
        /// JSON lines; `-` is standard input
        file: PathBuf,
        /// Add to each line every rule that matched, with family, weight and text, and rules on trial
        #[arg(long)]
        explain: bool,
        #[command(flatten)]
        rules: RuleChoice,
    },
    /// Show everything that the rules see in one event, and how the confidence comes together
    #[command(
        after_help = "Examples:\n  vyroxctl rules explain --os windows --cmdline 'vssadmin delete shadows /all'\n  \
        vyroxctl alert show acme ALERT --json | jq .alert | vyroxctl rules explain -\n  \
        sed -n 17p events.jsonl | vyroxctl rules explain - --rules functions/domain/rules --json"
    )]
    Explain {
        /// One event as JSON; `-` is standard input. Without it, the flags below are the event
        #[arg(value_name = "FILE", required_unless_present_any = ["process_cmdline", "process_name", "process_path"])]
        file: Option<PathBuf>,
        #[command(flatten)]
        event: Box<Event>,
        #[command(flatten)]
        rules: RuleChoice,
    },
    /// Measure the engine: CPU per event, start, memory; beside a plain loop of regular expressions
    #[command(after_help = "Examples:\n  vyroxctl rules bench events.jsonl\n  \
        vyroxctl rules bench events.jsonl --rules functions/domain/rules --json | jq .cpu_us_per_event\n\n\
        Only a release build says something about speed. CPU and memory are Linux's own accounts of this thread and process.")]
    Bench {
        /// Events as `rules score` takes them; `-` is standard input
        file: PathBuf,
        #[command(flatten)]
        rules: RuleChoice,
    },
    /// Judge a tenant's stored alerts again under other rules and show what would differ; changes nothing
    #[command(after_help = "Examples:\n  vyroxctl rules replay acme --rules ./my-rules\n  \
        vyroxctl rules replay acme --json | jq -r '.differences[] | select(.after.verdict == \"BENIGN\") | .alert'\n\n\
        Without --rules: under the rules of this build. It reads all of the tenant's alerts of the last 90 days, asks no \
        model, and compares with the verdicts that are stored.")]
    Replay {
        /// The tenant
        tenant: TenantId,
        #[command(flatten)]
        rules: RuleChoice,
    },
    /// Check a folder of rules: every mistake by file, rule and key; all examples; what there is of what
    #[command(
        after_help = "Examples:\n  vyroxctl rules lint\n  vyroxctl rules lint --rules ./my-rules --json | jq .mistakes\n\n\
        Exit code 1 if anything is an error; warnings are shown and pass."
    )]
    Lint {
        /// The folder with *.toml
        #[arg(long, value_name = "DIR", default_value = lint::FOLDER)]
        rules: PathBuf,
    },
    /// Learn the weights of rules and n-grams from labelled events, and cross-validate them
    #[command(after_help = fit::AFTER_HELP)]
    Fit(fit::FitArgs),
}

impl Command {
    pub(crate) async fn run(
        self,
        as_json: bool,
        deployment: impl FnOnce() -> Result<Deployment, CtlError>,
    ) -> Result<(), CtlError> {
        match self {
            Self::Score { file, explain, rules } => score::score(&file, explain, &rules),
            Self::Explain { file, event, rules } => explain::explain(file.as_deref(), *event, &rules, as_json),
            Self::Bench { file, rules } => bench::bench(&file, &rules, as_json),
            Self::Replay { tenant, rules } => replay::replay(&tenant, &rules, as_json, &deployment()?).await,
            Self::Lint { rules } => lint::lint(&rules, as_json),
            Self::Fit(arguments) => fit::fit(&arguments, as_json),
        }
    }
}
