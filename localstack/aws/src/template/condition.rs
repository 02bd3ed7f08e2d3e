//! Conditions: which branch of `Fn::If` a deployment with certain parameters has.

use super::{Template, resolve, single, text_of};
use serde_json::Value;
use std::collections::BTreeMap;

/// How deep conditions may refer to conditions: one that refers to itself has no value.
const DEEPEST: usize = 8;

impl Template {
    /// `value` with the branch of each `Fn::If` that these names choose, and the names put in (see [`resolve`]). What a
    /// branch takes away with `AWS::NoValue` is not there. A condition that cannot be told stays visible, both branches with it.
    #[must_use]
    pub fn chosen(&self, value: &Value, names: &BTreeMap<String, String>) -> Value {
        let chosen = self.branch(value, names).unwrap_or(Value::Null);
        resolve(&chosen, names)
    }

    /// Whether a condition of the template holds with these names; `None` if it is not there, or about something unknown.
    #[must_use]
    pub fn holds(&self, condition: &str, names: &BTreeMap<String, String>) -> Option<bool> {
        self.named(condition, names, DEEPEST)
    }

    fn named(&self, condition: &str, names: &BTreeMap<String, String>, deep: usize) -> Option<bool> {
        self.is_true(self.document()["Conditions"].get(condition)?, names, deep.checked_sub(1)?)
    }

    fn is_true(&self, condition: &Value, names: &BTreeMap<String, String>, deep: usize) -> Option<bool> {
        match single(condition.as_object()?)? {
            ("Condition", Value::String(name)) => self.named(name, names, deep),
            ("Fn::Equals", Value::Array(sides)) => {
                let known = |side: &Value| text_of(&resolve(side, names)).filter(|text| !text.contains("${"));
                let [one, other] = sides.as_slice() else { return None };
                Some(known(one)? == known(other)?)
            }
            ("Fn::Not", Value::Array(of)) => Some(!self.is_true(of.first()?, names, deep)?),
            ("Fn::And", Value::Array(all)) => self.each(all, names, deep).map(|all| all.into_iter().all(|one| one)),
            ("Fn::Or", Value::Array(any)) => self.each(any, names, deep).map(|any| any.into_iter().any(|one| one)),
            _ => None,
        }
    }

    fn each(&self, conditions: &[Value], names: &BTreeMap<String, String>, deep: usize) -> Option<Vec<bool>> {
        conditions.iter().map(|condition| self.is_true(condition, names, deep)).collect()
    }

    /// `None` for what is taken away.
    fn branch(&self, value: &Value, names: &BTreeMap<String, String>) -> Option<Value> {
        match value {
            Value::Array(items) => Some(items.iter().filter_map(|item| self.branch(item, names)).collect()),
            Value::Object(map) => match single(map) {
                Some(("Ref", Value::String(name))) if name == "AWS::NoValue" => None,
                Some(("Fn::If", Value::Array(parts))) => {
                    let [Value::String(condition), when, otherwise] = parts.as_slice() else {
                        return Some(value.clone());
                    };
                    match self.holds(condition, names) {
                        Some(true) => self.branch(when, names),
                        Some(false) => self.branch(otherwise, names),
                        None => Some(value.clone()),
                    }
                }
                _ => {
                    let kept = map.iter().filter_map(|(key, item)| Some((key.clone(), self.branch(item, names)?)));
                    Some(Value::Object(kept.collect()))
                }
            },
            scalar => Some(scalar.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::template::Template;
    use serde_json::{Value, json};
    use std::collections::BTreeMap;

    fn template() -> Template {
        let text = "
            Parameters:
              Named: { Type: String, Default: '' }
              Days: { Type: Number, Default: 0 }
            Conditions:
              HasName: !Not [!Equals [!Ref Named, '']]
              HasDays: !Not [!Equals [!Ref Days, 0]]
              Both: !And [!Condition HasName, !Condition HasDays]
              Either: !Or [!Condition HasName, !Condition HasDays]
              Circle: !Not [!Condition Circle]
              Elsewhere: !Equals [!Ref Unknown, '']
            Resources: {}
        ";
        Template::parse(text).unwrap()
    }

    fn names(given: &[(&str, &str)]) -> BTreeMap<String, String> {
        let mut names = template().parameter_defaults();
        names.extend(given.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        names
    }

    fn chosen(value: &Value, given: &[(&str, &str)]) -> Value {
        template().chosen(value, &names(given))
    }

    #[test]
    fn the_parameters_choose_the_branch() {
        let value = json!({"Fn::If": ["HasName", {"Fn::Sub": "named ${Named}"}, {"Fn::GetAtt": ["Own", "Arn"]}]});
        assert_eq!(chosen(&value, &[("Named", "x")]), json!("named x"));
        assert_eq!(chosen(&value, &[]), json!("${Own.Arn}"));
        let nested = json!([{"Fn::If": ["HasName", {"Fn::If": ["HasDays", 1, 2]}, 3]}]);
        assert_eq!(chosen(&nested, &[("Named", "x"), ("Days", "7")]), json!([1]));
        assert_eq!(chosen(&nested, &[("Named", "x")]), json!([2]));
        assert_eq!(chosen(&nested, &[("Days", "7")]), json!([3]));
    }

    #[test]
    fn conditions_are_made_of_conditions() {
        let holds = |name: &str, given: &[(&str, &str)]| template().holds(name, &names(given));
        assert_eq!(holds("Both", &[("Named", "x"), ("Days", "1")]), Some(true));
        assert_eq!(holds("Both", &[("Named", "x")]), Some(false));
        assert_eq!(holds("Either", &[("Days", "1")]), Some(true));
        assert_eq!(holds("Either", &[]), Some(false));
    }

    #[test]
    fn what_no_value_stands_for_is_not_there() {
        let nothing = json!({"Fn::If": ["HasName", "x", {"Ref": "AWS::NoValue"}]});
        assert_eq!(chosen(&json!({"a": &nothing, "b": [1, nothing]}), &[]), json!({"b": [1]}));
    }

    #[test]
    fn what_cannot_be_told_stays_visible() {
        for condition in ["Elsewhere", "Circle", "Missing"] {
            let value = json!({"Fn::If": [condition, 1, 2]});
            assert_eq!(chosen(&value, &[]), value, "{condition}");
        }
    }
}
