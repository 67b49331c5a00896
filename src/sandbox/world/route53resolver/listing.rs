//! What all list calls share: filters and pages.

use base64::{Engine, prelude::BASE64_STANDARD};
use serde::Deserialize;
use serde_json::{Value, json};

use super::invalid_parameter;
use crate::sandbox::api::{Answer, ApiError};

/// The members of a list call that takes filters.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct List {
    #[serde(default)]
    pub filters: Vec<Filter>,
    pub max_results: Option<usize>,
    pub next_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Filter {
    name: Option<String>,
    #[serde(default)]
    values: Vec<String>,
}

impl List {
    /// The page of those `items` that match all filters; `known` maps each filter's name to the member it looks at.
    ///
    /// # Errors
    /// An unknown filter, or one without values; what [`page`] refuses.
    pub fn answer(&self, result: &str, mut items: Vec<Value>, known: &[(&str, &str)]) -> Answer {
        for filter in &self.filters {
            let name = filter.name.as_deref().unwrap_or_default();
            let Some((_, member)) = known.iter().find(|(known, _)| is_called(known, name)) else {
                return Err(invalid_parameter(format!("The filter '{name}' is invalid")));
            };
            if filter.values.is_empty() {
                return Err(invalid_parameter(format!("No values specified for filter {name}")));
            }
            items.retain(|item| filter.values.iter().any(|wanted| matches(&item[*member], wanted)));
        }
        page(result, "Id", items, self.max_results, self.next_token.as_deref())
    }
}

/// `HostVPCId` was once `HOST_VPC_ID`, and that is still understood.
fn is_called(known: &str, name: &str) -> bool {
    let is_old = name.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_');
    name == known || (is_old && name.replace('_', "").eq_ignore_ascii_case(known))
}

fn matches(actual: &Value, wanted: &str) -> bool {
    match actual {
        Value::Array(items) => items.iter().any(|item| matches(item, wanted)),
        Value::String(text) => text == wanted,
        Value::Number(number) => number.to_string() == wanted,
        _ => false,
    }
}

/// A page of items, which come sorted by their member `key`.
///
/// # Errors
/// `InvalidNextTokenException`
pub fn page(result: &str, key: &str, mut items: Vec<Value>, most: Option<usize>, token: Option<&str>) -> Answer {
    let position = |item: &Value| item[key].as_str().unwrap_or_default().to_owned();
    items.sort_by_key(position);
    if let Some(token) = token {
        let last = read_token(token)?;
        items.retain(|item| position(item) > last);
    }
    let most = most.unwrap_or(100);
    let more = items.len() > most;
    items.truncate(most);
    let mut answer = json!({"MaxResults": most});
    if let Some(last) = items.last().filter(|_| more) {
        answer["NextToken"] = json!(BASE64_STANDARD.encode(position(last)));
    }
    answer[result] = json!(items);
    Ok(answer)
}

fn read_token(token: &str) -> Result<String, ApiError> {
    let text = BASE64_STANDARD.decode(token).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let message = "The value that you specified for NextToken isn't valid.";
    text.ok_or_else(|| ApiError::new("InvalidNextTokenException", message))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(input: Value) -> Answer {
        let list: List = serde_json::from_value(input).unwrap();
        let items = ["b", "c", "a"].map(|id| json!({"Id": id, "HostVPCId": "vpc-1", "Count": 2, "Groups": ["x", id]}));
        let known = [("HostVPCId", "HostVPCId"), ("Count", "Count"), ("Groups", "Groups"), ("Name", "Name")];
        list.answer("Items", items.into(), &known)
    }

    fn ids(input: Value) -> String {
        list(input).unwrap()["Items"].as_array().unwrap().iter().filter_map(|item| item["Id"].as_str()).collect()
    }

    #[test]
    fn pages_hold_each_item_once_and_in_order() {
        let first = list(json!({"MaxResults": 2})).unwrap();
        assert_eq!((&first["Items"][0]["Id"], &first["MaxResults"]), (&json!("a"), &json!(2)));
        assert_eq!(ids(json!({"MaxResults": 2, "NextToken": first["NextToken"]})), "c");
        assert_eq!(list(json!({"MaxResults": 3})).unwrap().get("NextToken"), None);
        assert_eq!(list(json!({"NextToken": "?"})).unwrap_err().code, "InvalidNextTokenException");
    }

    #[test]
    fn filters_look_into_lists_and_numbers_and_have_an_old_spelling() {
        let by = |name: &str, values: &[&str]| json!({"Filters": [{"Name": name, "Values": values}]});
        assert_eq!(ids(by("Groups", &["a", "b"])), "ab");
        assert_eq!(ids(by("Groups", &["x"])), "abc");
        assert_eq!(ids(by("Count", &["2"])), "abc");
        assert_eq!(ids(by("HOST_VPC_ID", &["vpc-1"])), "abc");
        assert_eq!(ids(by("Name", &["lacking"])), "");
        for wrong in [by("Colour", &["red"]), by("hostvpcid", &["vpc-1"]), by("Count", &[])] {
            assert_eq!(list(wrong).unwrap_err().code, "InvalidParameterException");
        }
    }
}
