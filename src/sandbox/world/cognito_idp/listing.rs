//! Pages of lists.

use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::{Value, json};

use super::invalid;
use crate::sandbox::api::{Answer, ApiError};

/// Items on one page, at most.
const PAGE: usize = 60;

/// A page of items, each with what it is sorted by; `names` are those of the list and of the token in the answer.
///
/// # Errors
/// `InvalidParameterException` for a token that is not ours.
pub fn page(names: (&str, &str), mut items: Vec<(String, Value)>, limit: Option<usize>, token: Option<&str>) -> Answer {
    items.sort_by(|(one, _), (other, _)| one.cmp(other));
    if let Some(token) = token {
        let last = read_token(token)?;
        items.retain(|(key, _)| *key > last);
    }
    let limit = limit.filter(|&limit| limit > 0).unwrap_or(PAGE);
    let more = items.len() > limit;
    items.truncate(limit);
    let mut answer = json!({});
    if let Some((last, _)) = items.last().filter(|_| more) {
        answer[names.1] = json!(BASE64_STANDARD.encode(last));
    }
    answer[names.0] = items.into_iter().map(|(_, item)| item).collect();
    Ok(answer)
}

fn read_token(token: &str) -> Result<String, ApiError> {
    let text = BASE64_STANDARD.decode(token).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    text.ok_or_else(|| invalid("Invalid pagination token given."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_follow_each_other_in_order() {
        let items = || ["b", "c", "a"].map(|name| (name.to_owned(), json!(name))).to_vec();
        let first = page(("Items", "Next"), items(), Some(2), None).unwrap();
        assert_eq!(first["Items"], json!(["a", "b"]));
        let second = page(("Items", "Next"), items(), Some(2), first["Next"].as_str()).unwrap();
        assert_eq!(second, json!({"Items": ["c"]}));
    }

    #[test]
    fn nothing_asked_for_is_a_full_page() {
        let items = (0..61).map(|number| (format!("{number:02}"), json!(number))).collect();
        let page = page(("Items", "Next"), items, Some(0), None).unwrap();
        assert_eq!(page["Items"].as_array().map(Vec::len), Some(60));
    }

    #[test]
    fn a_token_of_somebody_else_is_refused() {
        let refusal = page(("Items", "Next"), Vec::new(), None, Some("?")).unwrap_err();
        assert_eq!(refusal.code, "InvalidParameterException");
    }
}
