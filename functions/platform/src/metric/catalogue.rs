//! Every metric that there is. `docs/signals.md` shows the same list, and `infra/template.yaml` may name no other; tests hold
//! both to this file.

/// What a number counts, as CloudWatch calls it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Things.
    Count,
    /// A time.
    Milliseconds,
}

impl Unit {
    /// CloudWatch's word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Count => "Count",
            Self::Milliseconds => "Milliseconds",
        }
    }
}

/// Each metric with its unit, perhaps the dimension that it is told by besides the function, and what it says.
macro_rules! metrics {
    ($($name:ident: $unit:ident $(by $dimension:literal)?, $says:literal;)*) => {
        /// A metric.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Metric {
            $(#[doc = $says] $name,)*
        }

        impl Metric {
            /// All of them, in the order of an alert's way.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// Its name in CloudWatch.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => stringify!($name),)* }
            }

            /// What it counts.
            #[must_use]
            pub const fn unit(self) -> Unit {
                match self { $(Self::$name => Unit::$unit,)* }
            }

            /// The dimension that it is told by, besides the function.
            #[must_use]
            pub const fn dimension(self) -> Option<&'static str> {
                match self { $(Self::$name => metrics!(@dimension $($dimension)?),)* }
            }

            /// What it says, in a few words.
            #[must_use]
            pub const fn says(self) -> &'static str {
                match self { $(Self::$name => $says,)* }
            }
        }
    };
    (@dimension) => { None };
    (@dimension $dimension:literal) => { Some($dimension) };
}

metrics! {
    AlertsAccepted: Count by "vendor", "Alerts stored, audited and queued: new ones and changed payloads";
    AlertsDuplicate: Count by "vendor", "Deliveries of an alert that was there already";
    DeliveriesIgnored: Count by "vendor", "Authentic deliveries that hold no alert";
    DeliveriesRefused: Count by "reason", "Deliveries answered 401, 415, 422 or 429";
    DeliveriesFailed: Count, "Deliveries answered 503: nothing was accepted, the vendor tries again";
    WebhookToAnswer: Milliseconds, "From a delivery's arrival to its answer";
    Verdicts: Count by "level", "Verdicts reached";
    AlertsInBand: Count, "Alerts in the ambiguous band: a model or its cache was asked, or would have been";
    ModelAnswers: Count, "Questions that a model answered usably";
    ModelCacheHits: Count, "Questions that an earlier answer was used for";
    ModelFailures: Count, "Questions that no model answered usably: MEDIUM at 0.5";
    ModelTokens: Count, "Tokens spent on models, failed tries included";
    WebhookToVerdict: Milliseconds, "From a delivery's arrival to its verdict, the time in the queue included";
    CardsPosted: Count, "Messages put into channels: cards, digests, notices";
    CardsEdited: Count, "Messages brought up to date";
    CardsRefused: Count, "Calls that Discord did not answer or answered with an error: limits and channels that lost their permission aside";
    TokenRefused: Count, "Answers of Discord that refuse the bot's token";
    VerdictToCard: Milliseconds, "From an alert's verdict to its card in the channel, the time in the queue included";
    Clicks: Count by "outcome", "Clicks and forms, by how they were answered";
    Decisions: Count by "outcome", "Clicks that were recorded, by the entry in the audit";
    CommandsEntered: Count, "Slash commands that arrived";
    ClickToAnswer: Milliseconds, "From a click's or command's arrival to its answer; Discord waits 3,000";
    CommandsAnswered: Count, "Slash commands carried out by assist";
    CommandsFailed: Count, "Slash commands that failed for a reason of ours";
    ActionsDelivered: Count, "Actions signed and handed to a proxy, repetitions included";
    ActionsOverdue: Count, "Actions that ran out without a receipt";
    ActionsRefused: Count, "Actions that were not signed because nobody approved them";
    ApprovalToDelivery: Milliseconds, "From the deciding click to the first handing over";
    Receipts: Count by "outcome", "Proxies' signed reports, by what came of the action";
    DeliveryToReceipt: Milliseconds, "From the first handing over to the report";
    ReceiptsContradicted: Count, "Reports that do not fit what was approved";
    ProxiesDrifted: Count, "Reports that show another policy or version of the proxy than the one before";
    ProxyHeadsWentBack: Count, "Proxies' audit logs that are shorter or other ones than they were";
    ProxiesRefused: Count, "Proxies' calls that were refused";
    ApiRequests: Count by "status", "Requests of tenants' programs, by the class of the answer";
    ApiToAnswer: Milliseconds, "From such a request's arrival to its answer";
    KmsFailures: Count, "Calls of KMS that failed while something was sealed, opened or signed";
    MessagesFailed: Count by "class", "Messages that were not handled: `retry` comes back, `poison` ends as a dead letter, `reject` is dropped";
    BrokenLanes: Count, "Lanes of the audit that were cut, rewritten or dropped";
    Checkpoints: Count, "Checkpoints signed";
    TenantsLeft: Count, "Tenants that a run of checkpoint did not get to, or failed at";
    PublicationFailures: Count, "Checkpoints that could not be published";
}
