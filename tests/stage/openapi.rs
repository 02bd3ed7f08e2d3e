//! `docs/openapi.yaml`: every answer that a test gets from a router is checked against it.

use crate::Reply;
use serde_json::{Map, Value, json};
use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex};

/// The document.
#[derive(Debug)]
pub struct OpenApi {
    document: Value,
    validators: Mutex<HashMap<String, Arc<jsonschema::Validator>>>,
}

static DOCUMENT: LazyLock<OpenApi> = LazyLock::new(|| OpenApi {
    document: serde_norway::from_str(include_str!("../../docs/openapi.yaml")).expect("docs/openapi.yaml is YAML"),
    validators: Mutex::default(),
});

impl OpenApi {
    /// The project's.
    #[must_use]
    pub fn read() -> &'static Self {
        &DOCUMENT
    }

    /// The whole document.
    #[must_use]
    pub const fn document(&self) -> &Value {
        &self.document
    }

    /// Every operation: path, method in lower case, description.
    ///
    /// # Panics
    /// The document has no paths.
    #[must_use]
    pub fn operations<'a>(&'a self) -> Vec<(&'a str, &'static str, &'a Value)> {
        let paths = self.document["paths"].as_object().expect("the document has paths");
        let methods = ["get", "post", "put", "patch", "delete"];
        let of = |(path, item): (&'a str, &'a Value)| {
            methods
                .into_iter()
                .filter(|method| item.get(method).is_some())
                .map(move |method| (path, method, &item[method]))
        };
        paths.iter().map(|(path, item)| (path.as_str(), item)).flat_map(of).collect()
    }

    /// What is wrong with an answer, if anything is. A path that the document does not have must be a 404, a method that it
    /// does not have a 405.
    ///
    /// # Errors
    /// What is wrong.
    pub fn check(&self, method: &str, path: &str, reply: &Reply) -> Result<(), String> {
        let path = path.split('?').next().unwrap_or(path);
        let operations = self.operations();
        let templates: Vec<_> = operations.iter().filter(|(template, ..)| fits(template, path)).collect();
        let Some((template, method, operation)) =
            templates.iter().find(|(_, known, _)| known.eq_ignore_ascii_case(method))
        else {
            let wanted = if templates.is_empty() { 404 } else { 405 };
            return if reply.status == wanted {
                Ok(())
            } else {
                Err(format!("{} where {wanted} was due", reply.status))
            };
        };
        let response = self.resolve(&operation["responses"][reply.status.to_string()]);
        if response.is_null() {
            return Err(format!("{method} {template} has no {} in the document", reply.status));
        }
        for (name, header) in response["headers"].as_object().into_iter().flatten() {
            let header = self.resolve(header);
            let value = reply.headers.get(name).and_then(|value| value.to_str().ok());
            match value {
                None if header["required"] == true => return Err(format!("no header {name}")),
                Some(value) => self.validate(&format!("header {name}"), &header["schema"], &json!(value))?,
                None => {}
            }
        }
        let content = response["content"].as_object();
        let Some((kind, media)) = content.and_then(|content| content.iter().next()) else {
            return if reply.body.is_empty() { Ok(()) } else { Err("a body where there should be none".to_owned()) };
        };
        let said = reply.headers.get("content-type").and_then(|value| value.to_str().ok()).unwrap_or_default();
        if !said.starts_with(kind.as_str()) {
            return Err(format!("content type {said} where {kind} was due"));
        }
        let body = if kind == "application/json" {
            serde_json::from_slice(&reply.body).map_err(|error| error.to_string())?
        } else {
            json!(String::from_utf8_lossy(&reply.body))
        };
        let slot = format!("{method} {template} {}", reply.status);
        self.validate(&slot, &media["schema"], &body).map_err(|error| format!("{error} in {body}"))
    }

    fn resolve<'a>(&'a self, value: &'a Value) -> &'a Value {
        match value["$ref"].as_str().and_then(|reference| reference.strip_prefix('#')) {
            Some(pointer) => self.document.pointer(pointer).unwrap_or(&Value::Null),
            None => value,
        }
    }

    fn validate(&self, slot: &str, schema: &Value, instance: &Value) -> Result<(), String> {
        let mut validators = self.validators.lock().expect("nothing panics while holding this lock");
        let validator = match validators.get(slot) {
            Some(validator) => Arc::clone(validator),
            None => {
                let mut whole = Map::new();
                whole.insert("$schema".to_owned(), json!("https://json-schema.org/draft/2020-12/schema"));
                whole.insert("components".to_owned(), self.document["components"].clone());
                whole.insert("allOf".to_owned(), json!([schema]));
                let validator = jsonschema::options()
                    .should_validate_formats(true)
                    .build(&Value::Object(whole))
                    .map_err(|error| format!("the document's own schema of {slot}: {error}"))?;
                let validator = Arc::new(validator);
                validators.insert(slot.to_owned(), Arc::clone(&validator));
                validator
            }
        };
        drop(validators);
        validator.validate(instance).map_err(|error| format!("{slot}: {error} at {}", error.instance_path()))
    }
}

/// Whether a path is of a template: `/webhook/{vendor}`.
fn fits(template: &str, path: &str) -> bool {
    let (wanted, given): (Vec<_>, Vec<_>) = (template.split('/').collect(), path.split('/').collect());
    wanted.len() == given.len()
        && wanted
            .iter()
            .zip(given)
            .all(|(wanted, given)| wanted == &given || (wanted.starts_with('{') && !given.is_empty()))
}
