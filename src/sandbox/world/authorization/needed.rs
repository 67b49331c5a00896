//! One thing that a call needs the permission for.

use std::collections::BTreeMap;

use serde_json::Value;

/// An action on a resource, with what IAM knows of the two besides.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Needed {
    /// `ec2:CreateVpc`.
    pub action: String,
    /// An ARN, in which `*` stands for the id of what doesn't exist yet; `*` of an action on nothing in particular.
    pub resource: String,
    /// Condition keys with their values, without those that every call has.
    pub keys: BTreeMap<String, Vec<String>>,
}

impl Needed {
    /// An action on a resource of which nothing else is known.
    pub fn new(action: impl Into<String>, resource: impl Into<String>) -> Self {
        Self { action: action.into(), resource: resource.into(), keys: BTreeMap::new() }
    }

    /// The same with a condition key; without it where there is no value.
    pub fn with<V: Into<String>>(mut self, key: &str, values: impl IntoIterator<Item = V>) -> Self {
        let values: Vec<String> = values.into_iter().map(Into::into).collect();
        if !values.is_empty() {
            self.keys.insert(key.to_owned(), values);
        }
        self
    }

    /// The same with the tags that the request sets.
    pub fn with_request_tags(mut self, tags: &Tags) -> Self {
        for (key, value) in &tags.0 {
            self = self.with(&format!("aws:RequestTag/{key}"), value.clone());
        }
        self.with_tag_keys(tags.0.iter().map(|(key, _)| key.clone()))
    }

    /// The same with the keys of the tags that the request takes away.
    pub fn with_tag_keys(self, keys: impl IntoIterator<Item = String>) -> Self {
        self.with("aws:TagKeys", keys)
    }

    /// The same with the tags that the resource has, under the prefix of all services and under others.
    pub fn with_resource_tags(mut self, tags: &Tags, prefixes: &[&str]) -> Self {
        for (key, value) in &tags.0 {
            for prefix in prefixes {
                self = self.with(&format!("{prefix}/{key}"), value.clone());
            }
        }
        self
    }
}

/// Keys and values; a key may come without a value where tags are taken away.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tags(pub Vec<(String, Option<String>)>);

impl Tags {
    /// Reads tags as any of the services writes them: a list of keys and values, or an object.
    pub fn read(value: &Value) -> Self {
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let pair = |tag: &Value| {
            let member = |upper: &str, lower: &str| text(&tag[upper]).or_else(|| text(&tag[lower]));
            Some((member("Key", "key")?, member("Value", "value")))
        };
        Self(match value {
            Value::Array(tags) => tags.iter().filter_map(pair).collect(),
            Value::Object(tags) => tags.iter().map(|(key, value)| (key.clone(), text(value))).collect(),
            _ => Vec::new(),
        })
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
