//! Pages of lists.

use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::{Value, json};

use super::invalid;
use crate::sandbox::api::{Answer, ApiError};

/// Items on one page.
const PAGE: usize = 50;

/// A page of items, each with what it is sorted by.
///
/// # Errors
/// `InvalidParameterException` for a token that is not ours.
pub fn page(
    result: &str,
    mut items: Vec<(String, Value)>,
    descending: bool,
    limit: Option<usize>,
    token: Option<&str>,
) -> Answer {
    items.sort_by(|(one, _), (other, _)| one.cmp(other));
    if descending {
        items.reverse();
    }
    if let Some(token) = token {
        let last = read_token(token)?;
        items.retain(|(key, _)| if descending { *key < last } else { *key > last });
    }
    let limit = limit.unwrap_or(PAGE);
    let more = items.len() > limit;
    items.truncate(limit);
    let mut answer = json!({});
    if let Some((last, _)) = items.last().filter(|_| more) {
        answer["nextToken"] = json!(write_token(last));
    }
    answer[result] = items.into_iter().map(|(_, item)| item).collect();
    Ok(answer)
}

/// What a page ended with, as a token.
pub fn write_token(last: &str) -> String {
    BASE64_STANDARD.encode(last)
}

/// What the page before ended with.
///
/// # Errors
/// `InvalidParameterException`
pub fn read_token(token: &str) -> Result<String, ApiError> {
    let text = BASE64_STANDARD.decode(token).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    text.ok_or_else(|| invalid("The specified nextToken is invalid."))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(descending: bool, limit: usize, token: Option<&str>) -> (String, Option<String>) {
        let items = ["b", "c", "a"].map(|name| (name.to_owned(), json!(name)));
        let answer = page("items", items.into(), descending, Some(limit), token).unwrap();
        let names = answer["items"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
        (names, answer.get("nextToken").and_then(Value::as_str).map(str::to_owned))
    }

    #[test]
    fn pages_hold_each_item_once_in_either_order() {
        for (descending, first, rest) in [(false, "ab", "c"), (true, "cb", "a")] {
            let (names_of_first, token) = names(descending, 2, None);
            assert_eq!(names_of_first, first);
            assert_eq!(names(descending, 2, token.as_deref()), (rest.to_owned(), None));
            assert_eq!(names(descending, 3, None).1, None);
        }
        assert_eq!(page("items", Vec::new(), false, None, Some("?")).unwrap_err().code, "InvalidParameterException");
    }
}
