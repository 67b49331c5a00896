//! What all describe calls share: ids, filters, pages.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};

use super::{Input, Kind};
use crate::sandbox::api::{Answer, ApiError};

/// How a kind is described.
pub struct Listing {
    /// The input's list of ids, if it has one, and the kind they are of.
    pub ids: Option<(&'static str, &'static Kind)>,
    /// The output's list.
    pub result: &'static str,
    /// The members that together identify an item; the first is its id. They say in what order items are answered.
    pub key: &'static [&'static str],
    /// The largest page.
    pub most: i64,
    /// Each filter's name and the path of the members it looks at, through lists too.
    pub filters: &'static [(&'static str, &'static str)],
}

impl Listing {
    /// The page of `items` that the call asks for.
    ///
    /// # Errors
    /// An id that no item has, an unknown filter, a page size out of range, a token that is not ours.
    pub fn answer(&self, input: Input<'_>, mut items: Vec<Value>) -> Answer {
        let ids = self.wanted_ids(input, &items)?;
        if !ids.is_empty() {
            items.retain(|item| ids.contains(&text(item, self.key[0])));
        }
        retain_matching(&mut items, input, self.filters)?;
        items.sort_by_cached_key(|item| self.position(item));

        if let Some(token) = input.text("NextToken") {
            let last = self.read_token(token)?;
            items.retain(|item| self.position(item) > last);
        }
        let page = match input.number("MaxResults") {
            None => items.len(),
            Some(size) if (5..=self.most).contains(&size) => size as usize,
            Some(size) => {
                let limit = if size < 5 { ">= 5".into() } else { format!("<= {}", self.most) };
                let message =
                    format!("Value ( {size} ) for parameter maxResults is invalid. Expecting a value {limit}.");
                return Err(ApiError::new("InvalidParameterValue", message));
            }
        };
        let more = items.len() > page;
        items.truncate(page);
        let mut answer = json!({});
        if let Some(last) = items.last().filter(|_| more) {
            answer["NextToken"] = json!(BASE64.encode(json!([self.result, self.position(last)]).to_string()));
        }
        answer[self.result] = json!(items);
        Ok(answer)
    }

    fn wanted_ids<'a>(&self, input: Input<'a>, items: &[Value]) -> Result<Vec<&'a str>, ApiError> {
        let Some((member, kind)) = self.ids else { return Ok(Vec::new()) };
        let ids = input.texts(member);
        for id in &ids {
            kind.check(id)?;
            if !items.iter().any(|item| text(item, self.key[0]) == *id) {
                return Err(kind.missing(id));
            }
        }
        Ok(ids)
    }

    fn position(&self, item: &Value) -> Vec<String> {
        self.key.iter().map(|member| text(item, member).to_owned()).collect()
    }

    fn read_token(&self, token: &str) -> Result<Vec<String>, ApiError> {
        let bytes = BASE64.decode(token).unwrap_or_default();
        match serde_json::from_slice::<(String, Vec<String>)>(&bytes) {
            Ok((result, last)) if result == self.result => Ok(last),
            _ => Err(ApiError::new("InvalidNextToken", "The specified NextToken is not valid.")),
        }
    }
}

/// Filters of one call, values of one filter, and characters of one value.
const FILTER_QUOTA: usize = 50;
const VALUE_QUOTA: usize = 200;
const VALUE_LENGTH: usize = 255;

/// Keeps what matches all of the call's filters. `known` maps names to paths; `tag:KEY` and `tag-key` are always known.
///
/// # Errors
/// A filter that is unknown or has no values: it must not match everything. Too many filters or values, or a value that
/// is too long.
pub fn retain_matching(items: &mut Vec<Value>, input: Input<'_>, known: &[(&str, &str)]) -> Result<(), ApiError> {
    let filters = input.list("Filters");
    if filters.len() > FILTER_QUOTA || filters.iter().any(|filter| Input(filter).list("Values").len() > VALUE_QUOTA) {
        let message = "The request uses too many filters or too many filter values.";
        return Err(ApiError::new("FilterLimitExceeded", message));
    }
    for filter in filters {
        let filter = Input(filter);
        let name = filter.text("Name").unwrap_or("null");
        let patterns = filter.texts("Values");
        if patterns.is_empty() {
            let message = format!("The filter '{name}' needs at least one value");
            return Err(ApiError::new("InvalidParameterValue", message));
        }
        if patterns.iter().any(|pattern| pattern.chars().count() > VALUE_LENGTH) {
            let message = format!("The filter '{name}' has a value of more than {VALUE_LENGTH} characters");
            return Err(ApiError::new("InvalidParameterValue", message));
        }
        let path = known.iter().find(|(known, _)| *known == name).map(|(_, path)| *path);
        let tag = name.strip_prefix("tag:");
        if path.is_none() && tag.is_none() && name != "tag-key" {
            return Err(ApiError::new("InvalidParameterValue", format!("The filter '{name}' is invalid")));
        }
        items.retain(|item| {
            let mut values = Vec::new();
            match (path, tag) {
                (Some(path), _) => collect(item, path, &mut values),
                (None, Some(key)) => {
                    let own = tags(item).iter().filter(|tag| text(tag, "Key") == key);
                    own.for_each(|tag| collect(tag, "Value", &mut values));
                }
                (None, None) => tags(item).iter().for_each(|tag| collect(tag, "Key", &mut values)),
            }
            values.iter().any(|value| patterns.iter().any(|pattern| like(pattern, value)))
        });
    }
    Ok(())
}

/// An item's tags (an interface's are called `TagSet`); DescribeTags lists tags themselves.
fn tags(item: &Value) -> &[Value] {
    match item.get("Tags").or(item.get("TagSet")).and_then(Value::as_array) {
        Some(tags) => tags,
        None => std::slice::from_ref(item),
    }
}

fn text<'a>(item: &'a Value, member: &str) -> &'a str {
    item.get(member).and_then(Value::as_str).unwrap_or_default()
}

/// The values at a path such as `Routes.State`, through lists, as filters compare them.
fn collect(value: &Value, path: &str, found: &mut Vec<String>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| collect(item, path, found)),
        Value::Object(members) => {
            let (member, rest) = path.split_once('.').unwrap_or((path, ""));
            if let Some(value) = members.get(member) {
                collect(value, rest, found);
            }
        }
        Value::Null => {}
        Value::String(text) => found.push(text.clone()),
        Value::Bool(_) | Value::Number(_) => found.push(value.to_string()),
    }
}

/// Whether a text matches a pattern with `*` (anything), `?` (one character) and `\` (the next character itself).
pub fn like(pattern: &str, text: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let text: Vec<char> = text.chars().collect();
    let (mut at, mut here) = (0, 0);
    // Where to resume, one character further on, when what follows the last `*` does not fit.
    let mut star: Option<(usize, usize)> = None;
    while here < text.len() {
        match pattern.get(at) {
            Some('*') => {
                star = Some((at + 1, here));
                at += 1;
                continue;
            }
            Some('?') => {
                (at, here) = (at + 1, here + 1);
                continue;
            }
            Some('\\') if pattern.get(at + 1) == Some(&text[here]) => {
                (at, here) = (at + 2, here + 1);
                continue;
            }
            Some(char) if *char != '\\' && *char == text[here] => {
                (at, here) = (at + 1, here + 1);
                continue;
            }
            _ => {}
        }
        let Some((after, from)) = star else { return false };
        (at, here) = (after, from + 1);
        star = Some((after, here));
    }
    pattern[at..].iter().all(|char| *char == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_know_star_question_mark_and_backslash() {
        for (pattern, text) in [
            ("", ""),
            ("*", ""),
            ("*", "anything"),
            ("a*c", "abcbc"),
            ("a?c", "abc"),
            ("*b*", "abc"),
            (r"a\*", "a*"),
            (r"*\?", "why?"),
            ("ä?", "äö"),
        ] {
            assert!(like(pattern, text), "{pattern} should match {text}");
        }
        for (pattern, text) in
            [("", "a"), ("a", ""), ("a?c", "ac"), ("a*c", "ab"), (r"a\*", "ab"), ("A", "a"), ("ab", "a")]
        {
            assert!(!like(pattern, text), "{pattern} should not match {text}");
        }
    }

    #[test]
    fn paths_go_through_lists_and_show_booleans_and_numbers_as_text() {
        let item = json!({"Routes": [{"State": "active"}, {"State": "blackhole"}], "IsDefault": true, "Free": 251});
        let at = |path: &str| {
            let mut found = Vec::new();
            collect(&item, path, &mut found);
            found
        };
        assert_eq!(at("Routes.State"), ["active", "blackhole"]);
        assert_eq!(at("IsDefault"), ["true"]);
        assert_eq!(at("Free"), ["251"]);
        assert!(at("Routes.Missing").is_empty());
    }
}
