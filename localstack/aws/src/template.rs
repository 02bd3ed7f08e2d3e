//! CloudFormation templates, as far as reading our own takes: YAML with short tags in, JSON with the long forms out,
//! names put in for `Ref`, `Fn::GetAtt` and `Fn::Sub`, and the branch of `Fn::If` that the parameters choose.

mod condition;

use serde_json::{Map, Value, json};
use serde_norway::Value as Yaml;
use std::collections::BTreeMap;

/// What is deployed: infra/template.yaml, as it was when this crate was built.
pub const DEPLOYED: &str = include_str!("../../../infra/template.yaml");

/// Why a template cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum TemplateError {
    /// It is not YAML.
    #[error("not YAML")]
    Yaml(#[from] serde_norway::Error),
    /// It is YAML that has no JSON form, such as a mapping with a list for a key.
    #[error("a {0} has no place in a template")]
    Form(&'static str),
    /// It has no `Resources`.
    #[error("not a template: no Resources")]
    NoResources,
}

/// A template with all its functions in their long form.
#[derive(Debug, Clone, PartialEq)]
pub struct Template {
    document: Value,
}

/// One entry of `Resources`.
#[derive(Debug, Clone, Copy)]
pub struct Resource<'a> {
    /// Its name within the template.
    pub logical_id: &'a str,
    /// Its type, such as `AWS::SQS::Queue`.
    pub kind: &'a str,
    /// Everything about it, `Properties` included.
    pub body: &'a Value,
}

impl Resource<'_> {
    /// Its `Properties`; null if it has none.
    #[must_use]
    pub fn properties(&self) -> &Value {
        self.body.get("Properties").unwrap_or(&Value::Null)
    }
}

impl Template {
    /// Reads a template.
    ///
    /// # Errors
    /// [`TemplateError`].
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        Self::from_document(long_form(serde_norway::from_str(text)?)?)
    }

    /// A template from a document with long forms.
    ///
    /// # Errors
    /// [`TemplateError::NoResources`].
    pub fn from_document(document: Value) -> Result<Self, TemplateError> {
        if document["Resources"].is_object() { Ok(Self { document }) } else { Err(TemplateError::NoResources) }
    }

    /// The whole document.
    #[must_use]
    pub fn document(&self) -> &Value {
        &self.document
    }

    /// All resources, in the order of their names.
    pub fn resources(&self) -> impl Iterator<Item = Resource<'_>> {
        self.document["Resources"].as_object().into_iter().flatten().map(|(logical_id, body)| Resource {
            logical_id,
            kind: body["Type"].as_str().unwrap_or_default(),
            body,
        })
    }

    /// The resources of one type.
    pub fn resources_of(&self, kind: &str) -> impl Iterator<Item = Resource<'_>> {
        self.resources().filter(move |resource| resource.kind == kind)
    }

    /// Whether somebody may give this a value: a parameter, or an attribute of a resource (`IngestApi.ApiEndpoint`).
    #[must_use]
    pub fn takes(&self, name: &str) -> bool {
        match name.split_once('.') {
            None => self.document["Parameters"].get(name).is_some(),
            Some((resource, _)) => self.document["Resources"].get(resource).is_some(),
        }
    }

    /// The defaults of the parameters that have one.
    #[must_use]
    pub fn parameter_defaults(&self) -> BTreeMap<String, String> {
        let parameters = self.document["Parameters"].as_object().into_iter().flatten();
        parameters.filter_map(|(name, body)| Some((name.clone(), text_of(body.get("Default")?)?))).collect()
    }
}

/// `value` with the names that are known put in. What is not known stays visible, as `${Name}` or `${Name.Attribute}`.
#[must_use]
pub fn resolve(value: &Value, names: &BTreeMap<String, String>) -> Value {
    match value {
        Value::Array(items) => items.iter().map(|item| resolve(item, names)).collect(),
        Value::Object(map) => match single(map) {
            Some(("Ref", Value::String(name))) => Value::String(named(name, names)),
            Some(("Fn::GetAtt", Value::Array(path))) => {
                let path: Vec<&str> = path.iter().filter_map(Value::as_str).collect();
                Value::String(named(&path.join("."), names))
            }
            Some(("Fn::Sub", Value::String(text))) => Value::String(substitute(text, names)),
            _ => Value::Object(map.iter().map(|(key, item)| (key.clone(), resolve(item, names))).collect()),
        },
        scalar => scalar.clone(),
    }
}

fn single(map: &Map<String, Value>) -> Option<(&str, &Value)> {
    let mut entries = map.iter();
    entries.next().filter(|_| map.len() == 1).map(|(key, value)| (key.as_str(), value))
}

fn named(name: &str, names: &BTreeMap<String, String>) -> String {
    names.get(name).cloned().unwrap_or_else(|| format!("${{{name}}}"))
}

fn substitute(text: &str, names: &BTreeMap<String, String>) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        out.push_str(before);
        let Some((name, after)) = after.split_once('}') else {
            out.push_str("${");
            rest = after;
            continue;
        };
        out.push_str(&named(name, names));
        rest = after;
    }
    out.push_str(rest);
    out
}

/// A scalar as the text that CloudFormation makes of it.
pub(crate) fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        _ => None,
    }
}

fn long_form(yaml: Yaml) -> Result<Value, TemplateError> {
    Ok(match yaml {
        Yaml::Null => Value::Null,
        Yaml::Bool(flag) => flag.into(),
        Yaml::Number(number) => {
            serde_json::to_value(number).map_err(|_| TemplateError::Form("number that JSON lacks"))?
        }
        Yaml::String(text) => text.into(),
        Yaml::Sequence(items) => Value::Array(items.into_iter().map(long_form).collect::<Result<_, _>>()?),
        Yaml::Mapping(entries) => {
            let mut map = Map::new();
            for (key, value) in entries {
                let key = text_of(&long_form(key)?).ok_or(TemplateError::Form("key that is not a scalar"))?;
                map.insert(key, long_form(value)?);
            }
            Value::Object(map)
        }
        Yaml::Tagged(tagged) => {
            let name = tagged.tag.to_string();
            let value = long_form(tagged.value)?;
            match (name.trim_start_matches('!'), value) {
                ("Ref", value) => json!({ "Ref": value }),
                ("Condition", value) => json!({ "Condition": value }),
                ("GetAtt", Value::String(path)) => {
                    let (resource, attribute) = path.split_once('.').unwrap_or((&path, ""));
                    json!({ "Fn::GetAtt": [resource, attribute] })
                }
                (function, value) => json!({ format!("Fn::{function}"): value }),
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::{DEPLOYED, Template, resolve};
    use serde_json::json;
    use std::collections::BTreeMap;

    #[test]
    fn short_tags_become_long_forms_and_known_names_are_put_in() {
        let text = "
            Resources:
              A:
                Type: AWS::SQS::Queue
                Properties:
                  Name: !Sub '${AWS::StackName}-a-${Unknown.Arn}'
                  Other: [!Ref B, !GetAtt B.Arn, !GetAtt [B, Arn], !If [C, !Ref D, 1]]
        ";
        let template = Template::parse(text).unwrap();
        let queue = template.resources_of("AWS::SQS::Queue").next().unwrap();
        let names =
            [("AWS::StackName", "s"), ("B", "b"), ("B.Arn", "arn:b")].map(|(k, v)| (k.to_owned(), v.to_owned()));
        assert_eq!(
            resolve(queue.properties(), &BTreeMap::from(names)),
            json!({
                "Name": "s-a-${Unknown.Arn}",
                "Other": ["b", "arn:b", "arn:b", {"Fn::If": ["C", "${D}", 1]}],
            })
        );
    }

    #[test]
    fn what_is_deployed_can_be_read() {
        assert_eq!(Template::parse(DEPLOYED).unwrap().resources_of("AWS::Serverless::Function").count(), 9);
    }
}
