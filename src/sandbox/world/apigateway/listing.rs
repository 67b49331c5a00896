//! Pages of lists.

use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::{Value, json};

use super::bad_request;
use crate::sandbox::api::Answer;

/// Items on a page if the call says nothing else, and at most.
const PAGE: usize = 25;
const MAX_PAGE: usize = 500;

/// A page of items, each with what it is sorted by.
///
/// # Errors
/// `BadRequestException` for a position that no page ended with.
pub fn page(mut items: Vec<(String, Value)>, limit: Option<usize>, position: Option<&str>) -> Answer {
    items.sort_by(|(one, _), (other, _)| one.cmp(other));
    if let Some(position) = position {
        let last = BASE64_STANDARD.decode(position).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        let last = last.ok_or_else(|| bad_request("Invalid position parameter specified"))?;
        items.retain(|(key, _)| *key > last);
    }
    let limit = limit.filter(|limit| *limit > 0).unwrap_or(PAGE).min(MAX_PAGE);
    let more = items.len() > limit;
    items.truncate(limit);
    let next = items.last().filter(|_| more).map(|(last, _)| BASE64_STANDARD.encode(last));
    let mut answer = json!({"items": items.into_iter().map(|(_, item)| item).collect::<Vec<_>>()});
    if let Some(next) = next {
        answer["position"] = json!(next);
    }
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn items(count: usize) -> Vec<(String, Value)> {
        (0..count).rev().map(|number| (format!("{number:03}"), json!(number))).collect()
    }

    #[test]
    fn pages_hold_each_item_once() {
        let first = page(items(3), Some(2), None).unwrap();
        assert_eq!(first["items"], json!([0, 1]));
        let rest = page(items(3), Some(2), first["position"].as_str()).unwrap();
        assert_eq!(rest, json!({"items": [2]}));
        assert_eq!(page(items(3), None, Some("?")).unwrap_err().code, "BadRequestException");
    }

    #[test]
    fn a_page_has_25_items_unless_the_call_says_otherwise_and_never_more_than_500() {
        for (limit, most) in [(None, 25), (Some(0), 25), (Some(30), 30), (Some(1000), 500)] {
            let answer = page(items(600), limit, None).unwrap();
            assert_eq!(answer["items"].as_array().unwrap().len(), most, "{limit:?}");
        }
    }
}
