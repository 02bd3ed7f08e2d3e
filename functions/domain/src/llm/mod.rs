//! What a model is asked about an ambiguous alert, and what its answer may be.
//!
//! ```text
//!  NormalizedAlert --typed fields--> Summary --nonce--> Prompt ~~model~~> text --strict--> Answer
//!        |                              ^
//!        +--injection::inspect----------+  fields that speak to a model are withheld from it
//! ```
//!
//! | module | what it answers |
//! |---|---|
//! | [`injection`] | does a field try to instruct a model? |
//! | [`summary`] | which typed fields are shown, how they are bounded, generalised and redacted |
//! | [`prompt`] | the two messages and the answer's schema |
//! | [`answer`] | is this text exactly the published object? |
//!
//! An answer can only become the fields of a verdict, inside the ambiguous band: [`crate::judgement`].

pub mod answer;
pub mod injection;
pub mod prompt;
pub mod summary;

pub use answer::{Answer, InvalidAnswer};
pub use prompt::{PROMPT_VERSION, Prompt, answer_schema};
pub use summary::Summary;
