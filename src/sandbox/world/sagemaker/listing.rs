//! What all list calls share: order and pages.

use base64::{Engine, prelude::BASE64_STANDARD};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::invalid;
use crate::sandbox::api::Answer;

/// As many things a page shows if the call says nothing else.
const PAGE: usize = 10;

/// The time that a list is sorted by.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
pub enum SortBy {
    #[default]
    CreationTime,
    LastModifiedTime,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
pub enum SortOrder {
    #[default]
    Ascending,
    Descending,
}

/// Which page is asked for.
#[derive(Debug, Default)]
pub struct Page<'a> {
    pub order: SortOrder,
    pub most: Option<usize>,
    pub token: Option<&'a str>,
}

/// Something to list: the time that it is sorted by, what names it, how it is shown.
pub type Item = (Timestamp, String, Value);

impl Page<'_> {
    /// The page of these items.
    ///
    /// # Errors
    /// `ValidationException` for a token that no page ended with.
    pub fn answer(&self, result: &str, items: impl Iterator<Item = Item>) -> Answer {
        let position = |(time, name, view)| (format!("{:020} {name}", Timestamp::as_nanosecond(time)), view);
        let mut items: Vec<(String, Value)> = items.map(position).collect();
        items.sort_by(|one, other| one.0.cmp(&other.0));
        let descending = self.order == SortOrder::Descending;
        if descending {
            items.reverse();
        }
        if let Some(token) = self.token {
            let last = BASE64_STANDARD.decode(token).ok().and_then(|bytes| String::from_utf8(bytes).ok());
            let last = last.ok_or_else(|| invalid("The NextToken is invalid."))?;
            items.retain(|(position, _)| if descending { *position < last } else { *position > last });
        }
        let most = self.most.unwrap_or(PAGE);
        let more = items.len() > most;
        items.truncate(most);
        let last = items.last().filter(|_| more).map(|(position, _)| BASE64_STANDARD.encode(position));
        let mut answer = json!({result: items.into_iter().map(|(_, view)| view).collect::<Vec<_>>()});
        if let Some(last) = last {
            answer["NextToken"] = json!(last);
        }
        Ok(answer)
    }
}

/// Whether a name has this in it, whatever the case; every name has nothing in it.
pub fn contains(name: &str, part: Option<&str>) -> bool {
    part.is_none_or(|part| name.to_lowercase().contains(&part.to_lowercase()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(page: &Page<'_>) -> Answer {
        let items = ["b", "c", "a"].map(|name| (Timestamp::UNIX_EPOCH, name.to_owned(), json!(name)));
        let later = (Timestamp::UNIX_EPOCH + jiff::SignedDuration::from_millis(1), "0".to_owned(), json!("0"));
        page.answer("Items", items.into_iter().chain([later]))
    }

    fn names(page: &Page<'_>) -> String {
        list(page).unwrap()["Items"].as_array().unwrap().iter().filter_map(Value::as_str).collect()
    }

    #[test]
    fn items_are_in_order_of_time_and_then_of_name_either_way() {
        assert_eq!(names(&Page::default()), "abc0");
        assert_eq!(names(&Page { order: SortOrder::Descending, ..Page::default() }), "0cba");
    }

    #[test]
    fn pages_hold_each_item_once_either_way() {
        for (order, first, rest) in [(SortOrder::Ascending, "abc", "0"), (SortOrder::Descending, "0cb", "a")] {
            let page = Page { order, most: Some(3), token: None };
            assert_eq!(names(&page), first);
            let answer = list(&page).unwrap();
            let next = Page { token: answer["NextToken"].as_str(), ..page };
            assert_eq!(names(&next), rest);
            assert_eq!(list(&next).unwrap().get("NextToken"), None);
        }
        assert_eq!(list(&Page { token: Some("?"), ..Page::default() }).unwrap_err().code, "ValidationException");
    }
}
