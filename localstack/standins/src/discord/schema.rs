//! Discord's own OpenAPI file as a second judge.

use super::options::StartError;
use std::path::Path;

/// A body that the file describes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Body {
    /// A new message.
    MessageCreate,
    /// An edited message.
    MessageEdit,
    /// An interaction's callback.
    Callback,
    /// An edited answer to an interaction.
    FollowUpEdit,
    /// A follow-up to an interaction.
    FollowUp,
    /// All commands of an application.
    Commands,
}

#[cfg(feature = "openapi")]
pub(crate) use checked::Schema;
#[cfg(not(feature = "openapi"))]
pub(crate) use unchecked::Schema;

#[cfg(feature = "openapi")]
mod checked {
    use super::{Body, Path, StartError};
    use serde_json::{Value, json};
    use std::collections::HashMap;

    /// Compiled validators for the bodies that we send.
    pub(crate) struct Schema(HashMap<Body, jsonschema::Validator>);

    impl Schema {
        /// Read the file and compile what is needed of it (about 0.2 s).
        pub(crate) fn read(path: &Path) -> Result<Self, StartError> {
            let text =
                std::fs::read_to_string(path).map_err(|source| StartError::SchemaFile { path: path.into(), source })?;
            let shape = |reason: String| StartError::SchemaShape { path: path.into(), reason };
            let file: Value = serde_json::from_str(&text).map_err(|error| shape(error.to_string()))?;
            let bodies = [
                (Body::MessageCreate, "post", "/channels/{channel_id}/messages"),
                (Body::MessageEdit, "patch", "/channels/{channel_id}/messages/{message_id}"),
                (Body::Callback, "post", "/interactions/{interaction_id}/{interaction_token}/callback"),
                (Body::FollowUpEdit, "patch", "/webhooks/{webhook_id}/{webhook_token}/messages/@original"),
                (Body::FollowUp, "post", "/webhooks/{webhook_id}/{webhook_token}"),
                (Body::Commands, "put", "/applications/{application_id}/commands"),
            ];
            let mut validators = HashMap::new();
            for (body, method, route) in bodies {
                let schema = &file["paths"][route][method]["requestBody"]["content"]["application/json"]["schema"];
                if !schema.is_object() {
                    return Err(shape(format!("it does not describe {method} {route}")));
                }
                let whole = json!({
                    "$schema": "https://json-schema.org/draft/2020-12/schema",
                    "components": file["components"], "allOf": [schema],
                });
                let validator = jsonschema::validator_for(&whole).map_err(|error| shape(error.to_string()))?;
                validators.insert(body, validator);
            }
            Ok(Self(validators))
        }

        /// What the file says against a body: (JSON pointer, sentence), the first few.
        pub(crate) fn judge(&self, body: Body, value: &Value) -> Vec<(String, String)> {
            let Some(validator) = self.0.get(&body) else { return Vec::new() };
            validator
                .iter_errors(value)
                .take(5)
                .map(|error| (error.instance_path().to_string(), error.to_string()))
                .collect()
        }
    }
}

#[cfg(not(feature = "openapi"))]
mod unchecked {
    use super::{Body, Path, StartError};
    use serde_json::Value;

    /// Nothing: this build cannot read the file.
    pub(crate) enum Schema {}

    impl Schema {
        /// Refused, so that nobody believes in a check that does not happen.
        pub(crate) fn read(_path: &Path) -> Result<Self, StartError> {
            Err(StartError::SchemaNotBuiltIn)
        }

        /// Never called: there is no value of this type.
        pub(crate) fn judge(&self, _body: Body, _value: &Value) -> Vec<(String, String)> {
            match *self {}
        }
    }
}
